import { TextField, type TextFieldProps } from './text-field.tsx';

/** Takes a PIN, unseen, with the keys for digits. No keeper of passwords is offered it. */
export function PinField(props: Omit<TextFieldProps, 'type' | 'inputMode' | 'autoComplete' | 'maxLength' | 'isCode'>) {
  return <TextField {...props} type="password" inputMode="numeric" autoComplete="off" maxLength={16} />;
}
