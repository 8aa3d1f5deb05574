import type { DeviceAssertion } from '@countersign/contracts';
import { verifyPasskey, type AssertionRefusal } from '@countersign/device-protocol';
import type { Router } from '../database/router.ts';
import type { DecisionEvidence } from '../challenge/events.ts';
import { relyingPartyOfApp } from '../passkey/relying-party.ts';
import { readByThumbprint, type Device } from './store.ts';

export interface HeldPasskeyDependencies {
  router: Router;
  deviceUrl: string | undefined;
}

/** `passkey_none`: the phone has none; `passkey_unknown`: it has another one; `passkey_backup`: what cannot be copied says that it can. */
export type HeldPasskeyRefusal = AssertionRefusal | 'passkey_none' | 'passkey_unknown' | 'passkey_backup';

type Confirmation = NonNullable<DecisionEvidence['passkey']>;

/**
 * Whether the passkey of this phone signed this challenge for the app, and was unlocked for it (DEV-35).
 * @returns what it takes to check it again without us.
 */
export async function heldPasskey(
  deps: HeldPasskeyDependencies,
  device: Device,
  { credentialId, ...assertion }: DeviceAssertion,
  challenge: string,
): Promise<Confirmation | { refused: HeldPasskeyRefusal }> {
  const passkey = (await withPasskey(deps, device, credentialId)).passkey;
  const origin = relyingPartyOfApp(deps.deviceUrl)?.origin;
  if (passkey === undefined) return { refused: 'passkey_none' };
  if (passkey.credentialId !== credentialId || origin === undefined) return { refused: 'passkey_unknown' };
  const { key } = passkey;
  const verified = await verifyPasskey(assertion, { key, origin, challenge });
  if (verified.outcome === 'refused') return { refused: verified.reason };
  // Whether a key can be copied is decided when it is made (WebAuthn Level 3 section 7.2).
  if (verified.isBackupEligible !== passkey.isBackupEligible) return { refused: 'passkey_backup' };
  return { key, origin, assertion };
}

/** Where the node that was asked has not heard of it yet, the primary has: a passkey may be used the moment it is there. */
async function withPasskey({ router }: HeldPasskeyDependencies, device: Device, credentialId: string): Promise<Device> {
  if (device.passkey?.credentialId === credentialId) return device;
  const found = await readByThumbprint(router, device.keyThumbprint, { from: 'primary' }).catch(() => undefined);
  return found?.deviceId === device.deviceId ? found : device;
}
