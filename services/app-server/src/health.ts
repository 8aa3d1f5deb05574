import type { HealthCheck } from '@countersign/http';
import type { Context } from './context.ts';
import { openRing } from './keys/open-ring.ts';

/** Without these a replica is of no use, and says so: it is not ready, though it lives. */
export function healthChecks({ bus, parts, router, ring, now, clock, settled }: Context): HealthCheck[] {
  return [
    {
      name: 'nats',
      check: () => {
        if (!bus.connected) throw new Error('not connected');
      },
    },
    // HA-50: what it decided would be too early or too late.
    { name: 'clock', check: () => clock.assertRight() },
    // The others may write what it cannot read.
    { name: 'release', check: () => settled.assertFits() },
    {
      name: 'ledger',
      check: () => {
        // While one stream has no leader, the users of the others log in.
        if (!parts.some(({ continuity }) => continuity.isProven())) throw new Error('no stream is proven');
      },
    },
    {
      name: 'postgres',
      check: () => {
        if (!router.nodes().some(({ reachable }) => reachable)) throw new Error('no node answers');
      },
    },
    // R30: a wrong ring would refuse every TOTP user and seal what nobody else can open.
    { name: 'keys', check: () => openRing(router, ring, now) },
  ];
}
