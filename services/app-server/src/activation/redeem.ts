import {
  addressOfChallenge,
  MfaError,
  type activationRedeem,
  type InputOf,
  type OutputOf,
} from '@countersign/contracts';
import {
  activationCodeHash,
  parsePublicKey,
  showable,
  signActivated,
  verifyActivationProof,
  type ActivationProof,
  type KeySet,
  type PublicKeyJwk,
} from '@countersign/device-protocol';
import type { AuthorisedRequest } from '../application/authorise.ts';
import { changeOnce, recordAdministration } from '../audit/administration.ts';
import { assertConfirmedBefore } from '../authenticator/confirm.ts';
import { enrolmentChallenge } from '../authenticator/enrolment.ts';
import { assertFirst } from '../authenticator/first.ts';
import { activate, setLabel } from '../authenticator/store.ts';
import type { Router } from '../database/router.ts';
import { decideActivate } from '../device/decide.ts';
import { devicesOf, keepKey, type PendingDevice } from '../device/store.ts';
import type { PhoneKeys, PhoneSigningKey } from '../keys/phone-keys.ts';
import type { KeyRing } from '../keys/ring.ts';
import type { UserLedger } from '../ledger/partitioned-ledger.ts';
import { recordNotices } from '../notice/record.ts';
import type { Policies } from '../policy/policies.ts';
import { getLogin, type LoginUser } from '../user/store.ts';
import { isCode } from './code.ts';

export interface RedeemDependencies {
  router: Router;
  ledger: UserLedger;
  policies: Policies;
  phoneKeys: PhoneKeys;
  ring: KeyRing;
  now: () => number;
}

type Input = InputOf<typeof activationRedeem>;

/** What is said of an activation that was taken back while the phone came. */
const WHAT_IS_GONE: ReadonlySet<string> = new Set(['AUTHENTICATOR_NOT_FOUND', 'DEVICE_UNKNOWN']);

/**
 * Makes a phone an authenticator: it has the code that its owner was given, and the private half of the key that it brings. The ledger
 * ends the enrolment first, so that one code makes one device; only then does the key count (DEV-10, DEV-11).
 * @throws MfaError ACTIVATION_NOT_FOUND, SIGNATURE_INVALID, REQUEST_INVALID, USER_DISABLED, SIGN_IN_NEEDED (it was to be the first factor,
 * and there is another by now), PRIMARY_UNAVAILABLE, UNAVAILABLE.
 */
export async function redeem(
  deps: RedeemDependencies,
  input: Input,
  request: AuthorisedRequest,
): Promise<OutputOf<typeof activationRedeem>> {
  const { attemptId } = request;
  const { activationId } = input;
  const address = addressOfChallenge(activationId);
  assertCode(deps, input);
  if (address === undefined) throw new MfaError('ACTIVATION_NOT_FOUND');
  const { userId, key } = address;
  const { device, user } = await waitingDevice(deps, userId, activationId);
  const isOfNewcomer = device.begunIn !== undefined;
  const { publicKey, proof, keySet, signing } = await proven(deps, input);

  await deps.ledger
    .act(
      userId,
      attemptId,
      (state, now) =>
        decideActivate(
          state,
          { key, deviceId: device.deviceId, attemptId, isOfNewcomer, disabled: user.status === 'disabled' },
          now,
        ),
      request,
    )
    .then(({ event }) => {
      if (event.type !== 'challenge.approved' || event.authenticatorId !== device.deviceId) {
        throw new MfaError('INTERNAL', { reason: `this attempt was ${event.type}` });
      }
    })
    .catch((refusal: unknown) => assertActivatedBefore(deps, userId, key, attemptId, refusal));

  const now = deps.now();
  const label = input.label ?? device.label;
  await deps.router
    .write((db) =>
      changeOnce(db, attemptId, async (transaction) => {
        if (isOfNewcomer) await assertFirst(transaction, userId, device.deviceId);
        await activate(transaction, userId, device.deviceId, new Date(now));
        await setLabel(transaction, userId, device.deviceId, label);
        await keepKey(transaction, device.deviceId, { publicKey, keyThumbprint: proof.keyThumbprint });
        await recordAdministration(transaction, {
          type: 'authenticator.confirm',
          at: now,
          attemptId,
          actor: request.application.name,
          userId,
          detail: {
            authenticatorId: device.deviceId,
            type: 'app',
            label,
            keyThumbprint: proof.keyThumbprint,
            keyProtection: 'software',
          },
        });
        await recordNotices(transaction, { userId, kind: 'app.added', at: now });
      }),
    )
    .catch((error: unknown) => {
      // It was removed meanwhile.
      if (error instanceof MfaError && WHAT_IS_GONE.has(error.code)) throw new MfaError('ACTIVATION_NOT_FOUND');
      throw error;
    });
  const activated = await signActivated(
    {
      v: 1,
      activationId,
      deviceId: device.deviceId,
      keyThumbprint: proof.keyThumbprint,
      keySet,
      organisation: showable(deps.policies.global().totp.issuer),
      user: showable(user.username),
      at: now,
    },
    signing,
  );
  return { activated };
}

/** Whether we gave such a code out, whatever became of it. @throws MfaError ACTIVATION_NOT_FOUND. */
export function assertCode({ ring }: { ring: KeyRing }, { activationId, code }: Input): void {
  if (!isCode(ring, activationId, code)) throw new MfaError('ACTIVATION_NOT_FOUND');
}

/** From the primary: it was begun a moment ago. */
async function waitingDevice(
  { router, ring }: RedeemDependencies,
  userId: string,
  activationId: string,
): Promise<{ device: PendingDevice; user: LoginUser }> {
  const [user, waiting] = await Promise.all([
    getLogin(router, userId, { from: 'primary' }),
    router.read((db) => devicesOf(db, userId), { from: 'primary' }),
  ]);
  const device = waiting.find(
    ({ deviceId }) => enrolmentChallenge(ring, userId, deviceId).challengeId === activationId,
  );
  if (user === undefined || device === undefined) throw new MfaError('ACTIVATION_NOT_FOUND');
  return { device, user };
}

interface Proven {
  publicKey: PublicKeyJwk;
  proof: ActivationProof;
  /** Of the key of ours that the phone pinned. It may be the last but one: the phone gets the newest when it polls. */
  keySet: KeySet;
  signing: PhoneSigningKey;
}

/** @throws MfaError SIGNATURE_INVALID: whoever brings the key has not its private half, or pinned a key that is none of ours. */
async function proven({ phoneKeys }: RedeemDependencies, input: Input): Promise<Proven> {
  const publicKey = parsePublicKey(input.key);
  const { activationId } = input;
  const codeHash = await activationCodeHash(input.code);
  if (publicKey === undefined) throw new MfaError('SIGNATURE_INVALID', { reason: 'key' });
  const find = async (): Promise<Proven | undefined> => {
    for (const { keySet, signing } of phoneKeys.recent()) {
      const expected = { activationId, codeHash, serverKeyThumbprint: signing.keyId };
      const proof = await verifyActivationProof(input.proof, publicKey, expected);
      if (proof !== undefined) return { publicKey, proof, keySet, signing };
    }
    return undefined;
  };
  // Another replica may have made a new key a moment ago.
  const found = (await find()) ?? (await phoneKeys.refresh('primary').then(find));
  if (found === undefined) throw new MfaError('SIGNATURE_INVALID', { reason: 'possession' });
  return found;
}

async function assertActivatedBefore(
  deps: RedeemDependencies,
  userId: string,
  key: string,
  attemptId: string,
  refusal: unknown,
): Promise<void> {
  if (!(refusal instanceof MfaError) || refusal.code !== 'ACTIVATION_NOT_FOUND') throw refusal;
  // The ledger says "closed" of an enrolment; to whoever holds a code it is unknown, used or expired.
  await assertConfirmedBefore(deps, userId, key, attemptId, new MfaError('CHALLENGE_CLOSED')).catch(() => {
    throw refusal;
  });
}
