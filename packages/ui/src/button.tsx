import type { ReactNode } from 'react';
import { Button as AriaButton } from 'react-aria-components';

export interface ButtonProps {
  children: ReactNode;
  /** `main`: what one came for; one of them on a page. `quiet`: what hardly anybody needs. */
  kind?: 'main' | 'plain' | 'quiet' | 'danger';
  type?: 'button' | 'submit';
  /** It looks so. It keeps the focus, and whoever is busy answers no press (react-aria's own way reads its name out again). */
  isBusy?: boolean;
  isDisabled?: boolean;
  label?: string;
  onPress?: () => void;
}

export function Button({ children, kind = 'plain', type = 'button', isBusy, isDisabled, label, onPress }: ButtonProps) {
  return (
    <AriaButton
      className={`button button-${kind}${isBusy === true ? ' button-busy' : ''}`}
      type={type}
      isDisabled={isDisabled === true}
      {...(label !== undefined && { 'aria-label': label })}
      {...(onPress !== undefined && { onPress })}
    >
      {children}
    </AriaButton>
  );
}
