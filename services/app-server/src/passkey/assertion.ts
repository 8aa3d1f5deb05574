import type { PasskeyAssertion, PasskeyOptions, Policy } from '@countersign/contracts';
import { generateAuthenticationOptions, verifyAuthenticationResponse } from '@simplewebauthn/server';
import { isListed } from './attestation.ts';
import { LONGEST_CEREMONY_SECONDS } from './challenge.ts';
import { refusalOfClientData, type PasskeyRefusal } from './client-data.ts';
import { descriptor } from './registration.ts';
import type { RelyingParty } from './relying-party.ts';

/** A passkey that counts, as a login needs it. */
export interface LoginPasskey {
  passkeyId: string;
  userId: string;
  rpId: string;
  userHandle: Buffer;
  credentialId: Buffer;
  /** COSE. */
  publicKey: Buffer;
  /** When it was enrolled; the ledger knows the newest. */
  signCount: number;
  transports: readonly string[];
  backupEligible: boolean;
  aaguid: string;
  /** Its maker vouched for it when it was enrolled, so that its AAGUID is true. */
  isAttested: boolean;
}

/**
 * Whether a passkey can be asked for: browsers know those of one host, and the policy may take none that are copied, or only those of
 * makes that it knows, as it is now (WEB-08).
 */
export function fits(passkey: LoginPasskey, relyingParty: RelyingParty, policy: Policy['passkeys']): boolean {
  const isProved = passkey.isAttested && !passkey.backupEligible && isListed(passkey.aaguid, policy);
  const isOfMake = policy.attestation === 'none' || isProved;
  return passkey.rpId === relyingParty.id && (policy.syncable || !passkey.backupEligible) && isOfMake;
}

/**
 * What `navigator.credentials.get` is given.
 * @param allowed whose answer counts. None: whichever passkey the person chooses says who they are.
 */
export async function assertionOptions(
  relyingParty: RelyingParty,
  challenge: Buffer,
  userVerification: Policy['passkeys']['userVerification'],
  allowed: readonly Pick<LoginPasskey, 'credentialId' | 'transports'>[],
): Promise<PasskeyOptions> {
  const options = await generateAuthenticationOptions({
    rpID: relyingParty.id,
    challenge: new Uint8Array(challenge),
    timeout: LONGEST_CEREMONY_SECONDS * 1000,
    userVerification,
    allowCredentials: allowed.map(({ credentialId, transports }) =>
      descriptor(credentialId.toString('base64url'), transports),
    ),
  });
  return { ...options };
}

export interface AssertionFacts {
  relyingParty: RelyingParty;
  challenge: Buffer;
  userVerification: Policy['passkeys']['userVerification'];
  /** The one that the answer names, among those that may answer. */
  passkey: LoginPasskey | undefined;
  /** Nobody was named before: the handle says who it is, so it has to be there. */
  discoverable: boolean;
}

/** What a right answer says. Whether it counts is for the ledger to decide (see decide.ts). */
export interface Asserted {
  passkeyId: string;
  /** As the authenticator counted. 0: it does not count. */
  signCount: number;
  /** The newest that was known in Postgres. */
  knownSignCount: number;
  backupEligible: boolean;
  /** Unlocked by PIN or body. */
  userVerified: boolean;
}

export type Assertion = { asserted: Asserted } | { refused: PasskeyRefusal; cause?: unknown };

/**
 * Holds what the browser answered against what was asked; the counter excepted, which is compared where it is kept.
 * @see WebAuthn Level 3 section 7.2
 */
export async function verifyAssertion(facts: AssertionFacts, answer: PasskeyAssertion): Promise<Assertion> {
  const { relyingParty, passkey, discoverable } = facts;
  if (passkey === undefined || passkey.rpId !== relyingParty.id) return { refused: 'credential' };
  const { userHandle } = answer.response;
  // The library looks at its type alone (WEB-04). An empty one is what browsers give of keys that keep none.
  const isNamed = userHandle !== undefined && userHandle !== '';
  const isTheirs = isNamed && passkey.userHandle.equals(Buffer.from(userHandle, 'base64url'));
  if ((isNamed || discoverable) && !isTheirs) return { refused: 'handle' };
  const refused = refusalOfClientData(answer.response.clientDataJSON);
  if (refused !== undefined) return { refused };
  try {
    const { verified, authenticationInfo } = await verifyAuthenticationResponse({
      response: answer as Parameters<typeof verifyAuthenticationResponse>[0]['response'],
      expectedType: 'webauthn.get',
      expectedChallenge: facts.challenge.toString('base64url'),
      expectedOrigin: relyingParty.origin,
      expectedRPID: relyingParty.id,
      requireUserVerification: facts.userVerification === 'required',
      // A counter of 0 is never ahead of the answer's: the library must not judge by a copy that lags (WEB-06).
      credential: {
        id: passkey.credentialId.toString('base64url'),
        publicKey: new Uint8Array(passkey.publicKey),
        counter: 0,
      },
    });
    if (!verified) return { refused: 'invalid' };
    const { newCounter, userVerified, credentialDeviceType } = authenticationInfo;
    // Section 7.2: whether a key can be copied is decided when it is made.
    if ((credentialDeviceType === 'multiDevice') !== passkey.backupEligible) return { refused: 'backup' };
    return {
      asserted: {
        passkeyId: passkey.passkeyId,
        signCount: newCounter,
        knownSignCount: passkey.signCount,
        backupEligible: passkey.backupEligible,
        userVerified,
      },
    };
  } catch (cause) {
    return { refused: 'invalid', cause };
  }
}
