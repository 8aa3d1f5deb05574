import { useEffect, useRef, type ReactNode } from 'react';
import { useHouse } from './context.tsx';

/** Heads a page: the name of the tab, and where a screen reader goes on when the page changes. */
export function Title({ text, children }: { text: string; children?: ReactNode }) {
  const { welcome } = useHouse();
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    document.title = `${text} · ${welcome.organisation}`;
  }, [text, welcome.organisation]);
  useEffect(() => {
    if (document.activeElement === document.body) heading.current?.focus();
  }, [text]);
  return (
    <h1 ref={heading} tabIndex={-1} className="title">
      {children ?? text}
    </h1>
  );
}
