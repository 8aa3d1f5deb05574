import { DEVICE_PATHS, MfaError, type deviceEnrol, type InputOf, type OutputOf } from '@countersign/contracts';
import { passkeyThumbprint } from '@countersign/device-protocol';
import { Type } from 'typebox';
import type { AuthorisedRequest } from '../application/authorise.ts';
import { barredReason } from '../challenge/decide.ts';
import type { KeyRing } from '../keys/ring.ts';
import { ceremonyChallenge } from '../passkey/challenge.ts';
import { registrationOptions } from '../passkey/registration.ts';
import { relyingPartyOfApp } from '../passkey/relying-party.ts';
import type { Policies } from '../policy/policies.ts';
import type { LoginUsers } from '../user/login-users.ts';
import { kindOfRequest, signedCall, type SignedCallDependencies } from './signed-call.ts';
import type { Device } from './store.ts';

export interface EnrolDependencies extends SignedCallDependencies {
  deviceUrl: string | undefined;
  policies: Policies;
  users: LoginUsers;
  ring: KeyRing;
}

const KIND = kindOfRequest(DEVICE_PATHS.enrol, Type.Object({}, { additionalProperties: false }));

/**
 * What the browser of a phone is to make so that it has a passkey for its approvals. Nothing is kept of it: the challenge can be derived
 * again for as long as it is good.
 * @throws MfaError as `signedCall`; NOT_ALLOWED (the app has no name that a passkey could be bound to), USER_DISABLED.
 */
export async function enrol(
  deps: EnrolDependencies,
  { request: signed }: InputOf<typeof deviceEnrol>,
  request: AuthorisedRequest,
): Promise<OutputOf<typeof deviceEnrol>> {
  const { device, state } = await signedCall(deps, signed, KIND, request, { fresh: true });
  const relyingParty = relyingPartyOfApp(deps.deviceUrl);
  if (relyingParty === undefined) throw new MfaError('NOT_ALLOWED', { reason: 'COUNTERSIGN_DEVICE_URL has no name' });
  const { passkey } = device;
  if (passkey !== undefined) {
    const { credentialId, key } = passkey;
    return { passkey: { credentialId, keyThumbprint: await passkeyThumbprint(key) } };
  }
  const user = await deps.users.byId(device.userId);
  const isBarred = user?.status === 'disabled' || barredReason(state) !== undefined;
  if (user === undefined || isBarred) throw new MfaError('USER_DISABLED');
  const issuedAt = deps.now();
  const policy = deps.policies.global();
  const options = await registrationOptions({
    relyingParty,
    organisation: policy.totp.issuer,
    challenge: enrolmentChallengeOf(deps, device, issuedAt),
    username: user.username,
    displayName: undefined,
    // One for each activation, so that none takes the place of another in a keeper that knows one for each account.
    userHandle: Buffer.from(device.deviceId),
    enrolled: [],
    policy: { ...policy.passkeys, userVerification: 'required' },
  });
  // One that this device keeps to itself where it can: the app names it when it asks, so nobody has to find it (section 5.4.6).
  const authenticatorSelection = {
    residentKey: 'discouraged',
    requireResidentKey: false,
    userVerification: 'required',
  };
  return { enrolment: { issuedAt, options: { ...options, authenticatorSelection, hints: ['client-device'] } } };
}

/** Bound to the phone, to its key of now and to the time. @param issuedAt ms since the epoch. */
export function enrolmentChallengeOf(
  { ring }: { ring: KeyRing },
  { deviceId, keyThumbprint }: Pick<Device, 'deviceId' | 'keyThumbprint'>,
  issuedAt: number,
): Buffer {
  return ceremonyChallenge(ring, 'device', `${deviceId} ${keyThumbprint} ${issuedAt}`);
}
