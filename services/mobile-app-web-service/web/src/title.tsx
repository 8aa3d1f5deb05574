import { useEffect, useRef, type ReactNode } from 'react';

/** Heads a page: the name of the window, and where a screen reader goes on when the page changes. */
export function Title({
  text,
  isUrgent = false,
  children,
}: {
  text: string;
  isUrgent?: boolean;
  children?: ReactNode;
}) {
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    document.title = `${text} · Countersign`;
  }, [text]);
  useEffect(() => {
    if (isUrgent || document.activeElement === document.body) heading.current?.focus();
  }, [text, isUrgent]);
  return (
    <h1 ref={heading} tabIndex={-1} className="title">
      {children ?? text}
    </h1>
  );
}
