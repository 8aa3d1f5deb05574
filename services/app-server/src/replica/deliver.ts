import { setTimeout as sleep } from 'node:timers/promises';
import { accountJwt, claimsCredentials, CLAIMS_SUBJECT, issuedAt } from '@countersign/authority';
import type { AccountDelivery } from '@countersign/bus';
import { MfaError } from '@countersign/contracts';
import type { Router } from '../database/router.ts';
import type { KeyRing } from '../keys/ring.ts';
import { claimSecond, currentPermissions, readAuthority } from './authority.ts';
import { revokedKeys } from './store.ts';

export interface DeliveryDependencies {
  router: Router;
  ring: KeyRing;
  now: () => number;
  joining: {
    /** Hands an account to NATS. @returns the servers that took it. */
    deliverAccount: (delivery: Omit<AccountDelivery, 'servers' | 'authorities'>) => Promise<string[]>;
  };
}

/** Clocks of app-servers differ by less, or they are not ready (HA-50). */
const TRIES = 60;
const PAUSE_MS = 250;

/**
 * Tells every NATS server what each role may do and who is revoked, as the database has it. What is revoked is read after the
 * second was claimed, and the account is issued in that second: so the newest account that NATS keeps holds every revocation.
 * @throws MfaError AUTHORITY_MISSING, UNAVAILABLE when NATS takes it nowhere or clocks are too far apart.
 */
export async function deliver(deps: DeliveryDependencies): Promise<string[]> {
  const { router, now } = deps;
  const authority = await readAuthority(router, deps.ring);
  const permissions = await currentPermissions(router, authority);
  for (let tries = 0; tries < TRIES; tries += 1) {
    const second = Math.floor(now() / 1000);
    if (await claimSecond(router, second)) {
      const revoked = await revokedKeys(router, new Date(now()));
      const account = await accountJwt(authority, authority.secrets, permissions, revoked);
      if (issuedAt(account) === second) return handOver(deps, authority, account);
    }
    await sleep(PAUSE_MS);
  }
  throw new MfaError('UNAVAILABLE', {
    retryAfterSeconds: 5,
    reason: 'no second to issue the account in: check clocks',
  });
}

async function handOver(
  deps: DeliveryDependencies,
  authority: Awaited<ReturnType<typeof readAuthority>>,
  account: string,
): Promise<string[]> {
  const credentials = await claimsCredentials(authority, authority.secrets, deps.now());
  try {
    const told = await deps.joining.deliverAccount({ credentials, subject: CLAIMS_SUBJECT, accountJwt: account });
    if (told.length > 0) return told;
  } catch (error) {
    throw new MfaError('UNAVAILABLE', { retryAfterSeconds: 5, reason: 'NATS did not take the account', cause: error });
  }
  throw new MfaError('UNAVAILABLE', { retryAfterSeconds: 5, reason: 'no NATS server took the account' });
}
