import type { ReactNode } from 'react';

/** Says something that somebody has to know: at once when it went wrong, in passing when it went well. */
export function Alert({ tone, children }: { tone: 'bad' | 'good' | 'note'; children: ReactNode }) {
  return (
    <div className={`alert alert-${tone}`} role={tone === 'bad' ? 'alert' : 'status'}>
      {children}
    </div>
  );
}
