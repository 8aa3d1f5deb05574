import type { Check } from '@countersign/contracts';
import type { BreakerState } from '../dispatch/carriers/breaker.ts';

/** A carrier as this replica sees it. */
export interface CarrierView {
  name: string;
  phase: BreakerState['phase'];
}

/** Which carriers take messages, going by what became of the last ones. Nothing is sent to find out. */
export function checkCarriers(carriers: readonly CarrierView[]): Check[] {
  const checks = carriers.map(({ name, phase }): Check => {
    if (phase === 'closed') return { name: `carrier.${name}`, level: 'ok', detail: 'takes messages' };
    return {
      name: `carrier.${name}`,
      level: 'warn',
      detail: phase === 'open' ? 'rests after several failures' : 'is tried out after several failures',
      advice: 'Look for dispatch events in the log: they name what the carrier answered. It is tried again by itself.',
    };
  });
  const nobody = carriers.length > 0 && carriers.every(({ phase }) => phase === 'open');
  if (!nobody) return checks;
  const failed: Check = {
    name: 'carriers',
    level: 'fail',
    detail: 'every carrier rests: no message leaves the house',
    advice: 'Check the network to the carriers, the credit and the credentials. Users with an app can log in.',
  };
  return [failed, ...checks];
}
