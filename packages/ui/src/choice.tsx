import type { ReactNode } from 'react';
import { Button as AriaButton } from 'react-aria-components';

/** One of several ways, with a sentence that says what it means. */
export function Choice({
  title,
  badge,
  children,
  onPress,
}: {
  title: string;
  badge?: string;
  children: ReactNode;
  onPress: () => void;
}) {
  return (
    <li>
      <AriaButton className="choice" onPress={onPress}>
        <span className="choice-title">
          {title}
          {badge === undefined ? null : <span className="badge">{badge}</span>}
        </span>
        <span className="choice-text">{children}</span>
      </AriaButton>
    </li>
  );
}
