import { Title as TitleOf } from '@countersign/ui';
import type { ReactNode } from 'react';
import { useHouse } from './context.tsx';

/** Heads a page of the organisation. */
export function Title(props: { text: string; children?: ReactNode }) {
  return <TitleOf {...props} of={useHouse().welcome.organisation} />;
}
