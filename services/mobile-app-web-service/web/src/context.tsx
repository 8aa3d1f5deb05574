import type { Language } from '@countersign/ui/i18n';
import { createContext, use } from 'react';
import type { Say } from './i18n/messages.ts';
import type { Phone } from './phone.ts';
import type { Scanned } from './protocol/scanned.ts';
import type { Route } from './route.ts';
import type { Kept } from './store/store.ts';

/** What every page draws on. */
export interface House {
  phone: Phone;
  kept: Kept;
  language: Language;
  say: Say;
  setLanguage: (language: Language) => void;
  go: (route: Route) => void;
  back: () => void;
  /** Home, with something to say. */
  arrive: (message?: string) => void;
  /** Shows what was scanned, typed or pasted, and asks before anything comes of it. */
  confirm: (scanned: Scanned) => void;
  problemOf: (error: unknown) => string;
}

export const HouseContext = createContext<House | undefined>(undefined);

export function useHouse(): House {
  const house = use(HouseContext);
  if (house === undefined) throw new Error('a page stands outside of the house');
  return house;
}
