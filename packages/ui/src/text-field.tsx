import { TextField as AriaTextField, FieldError, Input, Label, Text } from 'react-aria-components';

export interface TextFieldProps {
  label: string;
  name: string;
  value: string;
  onChange: (value: string) => void;
  type?: 'text' | 'password' | 'tel';
  autoComplete?: string;
  inputMode?: 'text' | 'numeric' | 'tel';
  hint?: string;
  problem?: string | undefined;
  isRequired?: boolean;
  isCode?: boolean;
  autoFocus?: boolean;
  maxLength?: number;
}

export function TextField({ label, hint, problem, isCode, type = 'text', inputMode, ...props }: TextFieldProps) {
  return (
    <AriaTextField
      {...props}
      className="field"
      type={type}
      isInvalid={problem !== undefined}
      validationBehavior="aria"
      {...(inputMode !== undefined && { inputMode })}
    >
      <Label>{label}</Label>
      <Input className={isCode === true ? 'input input-code' : 'input'} spellCheck={false} autoCapitalize="none" />
      {hint === undefined ? null : (
        <Text slot="description" className="hint">
          {hint}
        </Text>
      )}
      <FieldError className="problem">{problem}</FieldError>
    </AriaTextField>
  );
}
