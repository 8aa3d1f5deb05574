import type { PasskeyOptions, PasskeyRegistration, Policy } from '@countersign/contracts';
import { generateRegistrationOptions, verifyRegistrationResponse } from '@simplewebauthn/server';
import { judgeAttestation } from './attestation.ts';
import { LONGEST_CEREMONY_SECONDS } from './challenge.ts';
import { refusalOfClientData, type PasskeyRefusal } from './client-data.ts';
import type { Metadata } from './metadata.ts';
import type { RelyingParty } from './relying-party.ts';

/** ES256, RS256, Ed25519, first choice first (COSE, RFC 9053). */
const ALGORITHMS = [-7, -257, -8];

export interface RegistrationFacts {
  relyingParty: RelyingParty;
  /** Shown by the browser beside the name of the account. */
  organisation: string;
  challenge: Buffer;
  username: string;
  displayName: string | undefined;
  /** The same for all passkeys of a person, so that a passkey alone leads to one account. */
  userHandle: Buffer;
  /** Base64url, of the passkeys that the person has: no key keeps two of one account. */
  enrolled: readonly { credentialId: string; transports: readonly string[] }[];
  policy: Policy['passkeys'];
}

/** What `navigator.credentials.create` is given (WEB-03). Nothing is left to the defaults of the library. */
export async function registrationOptions(facts: RegistrationFacts): Promise<PasskeyOptions> {
  const { relyingParty, policy } = facts;
  const options = await generateRegistrationOptions({
    rpName: facts.organisation,
    rpID: relyingParty.id,
    userName: facts.username,
    userDisplayName: facts.displayName ?? facts.username,
    userID: new Uint8Array(facts.userHandle),
    challenge: new Uint8Array(facts.challenge),
    timeout: LONGEST_CEREMONY_SECONDS * 1000,
    // Where nobody's make of key is asked for, none is told (WebAuthn Level 3 section 14.4.1).
    attestationType: policy.attestation === 'hardware' ? 'direct' : 'none',
    authenticatorSelection: {
      // One that is a second factor only, an older security key for example, is not turned away.
      residentKey: policy.userVerification === 'required' ? 'required' : 'preferred',
      userVerification: policy.userVerification,
    },
    supportedAlgorithmIDs: ALGORITHMS,
    excludeCredentials: facts.enrolled.map(({ credentialId, transports }) => descriptor(credentialId, transports)),
  });
  return { ...options };
}

/** What is kept of a new passkey (WEB-07). */
export interface NewPasskey {
  credentialId: Buffer;
  /** COSE. */
  publicKey: Buffer;
  signCount: number;
  aaguid: string;
  transports: string[];
  backupEligible: boolean;
  backupState: boolean;
  userVerified: boolean;
  attestationFormat: string;
  /** What its maker calls the model, where that was asked and is proved. */
  attestedModel: string | undefined;
}

export type Registered = { passkey: NewPasskey } | { refused: PasskeyRefusal; cause?: unknown };

/** Holds what the browser answered against what was asked. @see WebAuthn Level 3 section 7.1 */
export async function verifyRegistration(
  { relyingParty, challenge, policy }: Pick<RegistrationFacts, 'relyingParty' | 'challenge' | 'policy'>,
  answer: PasskeyRegistration,
  { metadata, now }: { metadata: Metadata | undefined; now: number },
): Promise<Registered> {
  const refused = refusalOfClientData(answer.response.clientDataJSON);
  if (refused !== undefined) return { refused };
  try {
    const { verified, registrationInfo } = await verifyRegistrationResponse({
      response: answer as Parameters<typeof verifyRegistrationResponse>[0]['response'],
      expectedType: 'webauthn.create',
      expectedChallenge: challenge.toString('base64url'),
      expectedOrigin: relyingParty.origin,
      expectedRPID: relyingParty.id,
      requireUserPresence: true,
      requireUserVerification: policy.userVerification === 'required',
      supportedAlgorithmIDs: ALGORITHMS,
    });
    if (!verified) return { refused: 'invalid' };
    const { credential, aaguid, fmt, userVerified, credentialDeviceType, credentialBackedUp } = registrationInfo;
    // Both say which key it is: the browser outside, the authenticator inside. Section 7.1 bounds its length.
    if (credential.id !== answer.id || Buffer.from(credential.id, 'base64url').length > 1023) {
      return { refused: 'invalid' };
    }
    const backupEligible = credentialDeviceType === 'multiDevice';
    if (backupEligible && !policy.syncable) return { refused: 'syncable' };
    const { attestationObject } = registrationInfo;
    const judged =
      policy.attestation === 'hardware'
        ? judgeAttestation({ aaguid, backupEligible, attestationObject }, metadata, policy, now)
        : { model: undefined };
    if ('refused' in judged) return judged;
    return {
      passkey: {
        credentialId: Buffer.from(credential.id, 'base64url'),
        publicKey: Buffer.from(credential.publicKey),
        signCount: credential.counter,
        aaguid,
        transports: answer.response.transports ?? [],
        backupEligible,
        backupState: credentialBackedUp,
        userVerified,
        attestationFormat: fmt,
        attestedModel: judged.model,
      },
    };
  } catch (cause) {
    return { refused: 'invalid', cause };
  }
}

/** Transports as the browser named them: hints for it alone, and not ours to understand (section 5.8.4). */
export function descriptor(credentialId: string, transports: readonly string[]) {
  return {
    id: credentialId,
    ...(transports.length > 0 && { transports: [...transports] as ('usb' | 'internal')[] }),
  };
}
