import type { HealthCheck } from '@countersign/http';
import type { Context } from './context.ts';

/** Looks at what is remembered, and at nothing else: asked ten times a second, and by everybody who asks for readiness. */
export interface OwnCheck extends HealthCheck {
  check: () => void;
  /** Others do what it cannot, so it takes no operations while this fails. */
  leavesWork: boolean;
}

type Parts = Pick<Context, 'bus' | 'parts' | 'router' | 'ringWatch' | 'clock' | 'settled'>;

/** Without these a replica is of no use, and says so: it is not ready, though it lives. */
export function ownChecks({ bus, parts, router, ringWatch, clock, settled }: Parts): OwnCheck[] {
  return [
    {
      name: 'nats',
      // Work comes by NATS.
      leavesWork: false,
      check: () => {
        if (!bus.connected) throw new Error('not connected');
      },
    },
    // HA-50: what it decided would be too early or too late.
    { name: 'clock', leavesWork: true, check: () => clock.assertRight() },
    // The others may write what it cannot read.
    { name: 'release', leavesWork: true, check: () => settled.assertFits() },
    {
      name: 'ledger',
      leavesWork: true,
      check: () => {
        // While one stream has no leader, the users of the others log in.
        if (!parts.some(({ continuity }) => continuity.isProven())) throw new Error('no stream is proven');
      },
    },
    {
      name: 'postgres',
      // Those whom it knows log in from its memory.
      leavesWork: false,
      check: () => {
        if (!router.nodes().some(({ reachable }) => reachable)) throw new Error('no node answers');
      },
    },
    // R30: a wrong ring would refuse every TOTP user and seal what nobody else can open.
    { name: 'keys', leavesWork: true, check: () => ringWatch.assertOpens() },
  ];
}

/** Whether it may take work: what it cannot do is left to others, so that nobody waits for it. */
export function isFit(checks: readonly OwnCheck[]): boolean {
  return checks.every(({ leavesWork, check }) => !leavesWork || isWell(check));
}

function isWell(check: () => void): boolean {
  try {
    check();
    return true;
  } catch {
    return false;
  }
}
