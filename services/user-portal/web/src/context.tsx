import type { Language } from '@countersign/ui/i18n';
import { createContext, use } from 'react';
import type { Standing, Welcome } from '../../src/api.ts';
import type { CallName, Input, Output } from './calls.ts';
import type { Say } from './i18n/messages.ts';

/** What every page draws on. */
export interface House {
  welcome: Welcome;
  language: Language;
  say: Say;
  setLanguage: (language: Language) => void;
  /** Asks the portal, for a second factor first where that takes one, and shows the sign-in where nobody is signed in any more. */
  request: <N extends CallName>(name: N, input: Input<N>) => Promise<Output<N>>;
  /** Where the person stands from now on. */
  arrive: (standing: Standing, message?: string) => void;
  problemOf: (error: unknown) => string;
  /** ms since the epoch, as this device has it. */
  now: () => number;
}

export const HouseContext = createContext<House | undefined>(undefined);

export function useHouse(): House {
  const house = use(HouseContext);
  if (house === undefined) throw new Error('a page stands outside of the house');
  return house;
}
