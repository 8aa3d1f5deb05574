import { TextField, type TextFieldProps } from './text-field.tsx';

/** For a code that was sent or is shown: one field, which the browser may fill in, and which takes what is pasted as it is. */
export function CodeField(props: Omit<TextFieldProps, 'autoComplete' | 'inputMode' | 'type'> & { isText?: boolean }) {
  const { isText = false, ...rest } = props;
  return <TextField {...rest} autoComplete="one-time-code" inputMode={isText ? 'text' : 'numeric'} isCode />;
}
