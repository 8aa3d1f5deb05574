import { MfaError, type activationFind, type InputOf, type OutputOf } from '@countersign/contracts';
import { clientOf } from '@countersign/http';
import { enrolmentChallenge } from '../authenticator/enrolment.ts';
import type { Router } from '../database/router.ts';
import { deviceOfCode } from '../device/store.ts';
import type { LimitStore } from '../dispatch/limit-store.ts';
import type { PhoneKeys } from '../keys/phone-keys.ts';
import type { KeyRing } from '../keys/ring.ts';
import type { Policies } from '../policy/policies.ts';
import { typedCodeMac } from './code.ts';
import { linkFor } from './link.ts';

export interface FindDependencies {
  router: Router;
  limits: LimitStore;
  policies: Policies;
  phoneKeys: PhoneKeys;
  ring: KeyRing;
  deviceUrl: string | undefined;
  now: () => number;
}

/** A code lives no longer. */
const WINDOW_MS = 600_000;
/** Wrong ones in that time, from one address (DEV-10). */
const PER_ADDRESS = 5;
/**
 * Under so many names, however many addresses there are: what strangers can invent takes 50 MB of the disk that the ledger is on, and no more. Two
 * addresses are under the same name by chance, and nobody can choose which.
 */
const NAMES_OF_ADDRESSES = 131_072;
/**
 * And from everywhere, of those that begin with the same four digits. No code lives longer than the window, so that whoever has any number of
 * addresses, and guesses all the time, has 50 tries at its other eight digits: 1 in 2,000,000 for each activation, however many wait beside it.
 * One bound for all codes would be cheap to use up, and nobody could type one. Here it takes 10,000 of these, 500,000 wrong codes
 * in ten minutes from 100,000 addresses, to shut out everybody, and nobody can choose whom they shut out. The QR code asks nothing of this.
 */
const PER_BEGINNING = 50;
const BEGINNING_DIGITS = 4;

interface Tries {
  v: 1;
  at: number[];
}

/**
 * The link of whoever types a code in place of scanning it. Paid for before it is looked up, so that no number of replicas looks more
 * often; a right one costs nothing in the end, nor does one that could not be looked up.
 * @throws MfaError ACTIVATION_NOT_FOUND, TRY_LATER, PRIMARY_UNAVAILABLE, UNAVAILABLE.
 */
export async function find(
  deps: FindDependencies,
  { activationCode, address }: InputOf<typeof activationFind>,
): Promise<OutputOf<typeof activationFind>> {
  const { ring, deviceUrl } = deps;
  if (deviceUrl === undefined)
    throw new MfaError('ACTIVATION_NOT_FOUND', { reason: 'COUNTERSIGN_DEVICE_URL is not set' });
  const client = ring.mac('activation-address', clientOf(address)).readUInt32BE(0) % NAMES_OF_ADDRESSES;
  const lanes = [
    { key: `activation.${client}`, most: PER_ADDRESS },
    { key: `activation-beginning.${activationCode.slice(0, BEGINNING_DIGITS)}`, most: PER_BEGINNING },
  ];
  const paidAt = deps.now();
  const paid: string[] = [];
  const getBack = () => Promise.all(paid.map((key) => giveBack(deps, key, paidAt)));
  let device;
  try {
    for (const lane of lanes) {
      await pay(deps, lane, paidAt);
      paid.push(lane.key);
    }
    device = await deviceOfCode(deps.router, typedCodeMac(ring, activationCode));
  } catch (failure) {
    // Nobody learnt anything about the code.
    await getBack();
    throw failure;
  }
  if (device === undefined) throw new MfaError('ACTIVATION_NOT_FOUND');
  await getBack();
  const { challengeId } = enrolmentChallenge(ring, device.userId, device.deviceId);
  return { link: linkFor(deps, { challengeId, deviceUrl, organisation: deps.policies.global().totp.issuer }) };
}

async function pay({ limits }: FindDependencies, { key, most }: { key: string; most: number }, now: number) {
  const waitMs = await limits.update<Tries, number>(key, (record) => {
    const at = (record?.at ?? []).filter((tried) => now - tried < WINDOW_MS);
    const [oldest = now] = at;
    if (at.length >= most) return { result: oldest + WINDOW_MS - now };
    return { record: { v: 1, at: [...at, now] }, result: 0 };
  });
  if (waitMs > 0) throw new MfaError('TRY_LATER', { retryAfterSeconds: Math.ceil(waitMs / 1000) });
}

function giveBack({ limits }: FindDependencies, key: string, paidAt: number): Promise<void> {
  return limits.update<Tries, void>(key, (record) => {
    const at = record?.at ?? [];
    const mine = at.indexOf(paidAt);
    return mine === -1 ? { result: undefined } : { record: { v: 1, at: at.toSpliced(mine, 1) }, result: undefined };
  });
}
