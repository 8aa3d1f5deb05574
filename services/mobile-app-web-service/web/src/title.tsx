import { Title as TitleOf } from '@countersign/ui';
import type { ReactNode } from 'react';

/** Heads a page of the app. */
export function Title(props: { text: string; isUrgent?: boolean; children?: ReactNode }) {
  return <TitleOf {...props} of="Countersign" />;
}
