import { useEffect, useRef, type ReactNode } from 'react';

/**
 * Heads a page: the name of the window, and where a screen reader goes on when the page changes.
 * @param of whose page it is, which the name of the window ends with.
 * @param isUrgent whether it takes the focus from whatever has it.
 */
export function Title({
  text,
  of,
  isUrgent = false,
  children,
}: {
  text: string;
  of: string;
  isUrgent?: boolean;
  children?: ReactNode;
}) {
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    document.title = `${text} · ${of}`;
  }, [text, of]);
  useEffect(() => {
    if (isUrgent || document.activeElement === document.body) heading.current?.focus();
  }, [text, isUrgent]);
  return (
    <h1 ref={heading} tabIndex={-1} className="title">
      {children ?? text}
    </h1>
  );
}
