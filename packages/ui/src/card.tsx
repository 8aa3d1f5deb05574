import type { ReactNode } from 'react';

/** One thing of a list: what it is, what is known of it, what can be done with it. */
export function Card({ title, children, actions }: { title: ReactNode; children?: ReactNode; actions?: ReactNode }) {
  return (
    <li className="card">
      <div className="card-text">
        <h3 className="card-title">{title}</h3>
        {children}
      </div>
      {actions === undefined ? null : <div className="card-actions">{actions}</div>}
    </li>
  );
}
