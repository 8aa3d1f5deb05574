import { base64url, calculateJwkThumbprint } from 'jose';
import { Type, type Static } from 'typebox';
import { Value } from 'typebox/value';
import { canonicalHash } from './canonical.ts';
import { ES256 } from './device-key.ts';
import { PublicKey } from './key-set.ts';
import { Id, Instant } from './prompt.ts';

const closed = { additionalProperties: false } as const;
/** Base64url without padding. @param maxLength characters. */
const Base64Url = (maxLength: number) => Type.String({ pattern: '^[\\w-]+$', maxLength });

/**
 * Public key of a passkey, as JWK: ES256, RS256 (which Windows Hello makes), Ed25519.
 * @see RFC 7518 sections 6.2 and 6.3, RFC 8037 section 2
 */
export const PasskeyKey = Type.Union([
  PublicKey,
  Type.Object({ kty: Type.Literal('RSA'), n: Base64Url(684), e: Base64Url(8) }, closed),
  Type.Object({ kty: Type.Literal('OKP'), crv: Type.Literal('Ed25519'), x: Base64Url(43) }, closed),
]);
export type PasskeyKey = Static<typeof PasskeyKey>;

/** What an authenticator signed for a page, as a browser gives it out. @see WebAuthn Level 3 section 5.2.2 */
export const Assertion = Type.Object(
  { clientDataJSON: Base64Url(1366), authenticatorData: Base64Url(342), signature: Base64Url(684) },
  closed,
);
export type Assertion = Static<typeof Assertion>;

/** SHA-256 thumbprint of its key, base64url. @see RFC 7638 */
export function passkeyThumbprint(key: PasskeyKey): Promise<string> {
  return calculateJwkThumbprint({ ...key }, 'sha256');
}

/**
 * The WebAuthn challenge that stands for a decision: SHA-256 of the very payload that the device key signs, base64url. So the passkey, too,
 * signs what was shown.
 * @param statement a signed decision. Whether it is one, and in canonical form, is for `verifyDecision`.
 */
export async function passkeyChallenge(statement: string): Promise<string> {
  return base64url.encode(await sha256(bytesOf(statement.split('.')[1] ?? '')));
}

/** That a phone is to have no passkey any more. No decision has this form, so an approval is never taken for it. */
export const PasskeyRemoval = Type.Object(
  { v: Type.Literal(1), deviceId: Id, forget: Base64Url(1364), at: Instant },
  closed,
);
export type PasskeyRemoval = Static<typeof PasskeyRemoval>;

/** The WebAuthn challenge that stands for it, base64url. @param removal `forget` is the id of the credential. */
export function removalChallenge(removal: PasskeyRemoval): Promise<string> {
  return canonicalHash(removal);
}

/**
 * Why an assertion does not count. `challenge`: something else was signed; `origin`: for another page, or one in a frame; `relying_party`:
 * with a passkey for another host; `not_verified`: nobody was there, or nobody unlocked it.
 */
export type AssertionRefusal =
  | 'passkey_malformed'
  | 'passkey_challenge'
  | 'passkey_origin'
  | 'passkey_relying_party'
  | 'passkey_not_verified'
  | 'passkey_not_signed';

export type VerifiedAssertion =
  | { readonly outcome: 'verified'; readonly isBackupEligible: boolean }
  | { readonly outcome: 'refused'; readonly reason: AssertionRefusal };

/** Length of hash, flags and counter. @see WebAuthn Level 3 section 6.1 */
const FIXED_BYTES = 37;
const USER_PRESENT = 0x01;
const USER_VERIFIED = 0x04;
const BACKUP_ELIGIBLE = 0x08;

/**
 * Whether the key signed this challenge for this page, and whoever has it unlocked it for that by PIN or body (DEV-35). The counter of
 * the authenticator is not looked at: a challenge of a decision counts once.
 * @param asked.origin of the page; the relying party is its host. Compared whole.
 * @see WebAuthn Level 3 section 7.2
 */
export async function verifyPasskey(
  assertion: unknown,
  asked: { readonly key: PasskeyKey; readonly origin: string; readonly challenge: string },
): Promise<VerifiedAssertion> {
  const read = Value.Check(Assertion, assertion) ? readAssertion(assertion) : undefined;
  const key = await importPasskeyKey(asked.key);
  if (read === undefined || key === undefined || !URL.canParse(asked.origin)) return refused('passkey_malformed');
  const { clientData, clientDataBytes, authenticatorData, signature } = read;
  if (clientData.type !== 'webauthn.get' || clientData.challenge !== asked.challenge) {
    return refused('passkey_challenge');
  }
  const isFramed = (clientData.crossOrigin ?? false) !== false || clientData.topOrigin !== undefined;
  if (clientData.origin !== asked.origin || isFramed) return refused('passkey_origin');
  const host = new TextEncoder().encode(new URL(asked.origin).hostname);
  if (!isSame(authenticatorData.subarray(0, 32), await sha256(host))) return refused('passkey_relying_party');
  const flags = authenticatorData[32] ?? 0;
  const isVerified = (flags & USER_PRESENT) !== 0 && (flags & USER_VERIFIED) !== 0;
  if (!isVerified) return refused('passkey_not_verified');
  const signed = new Uint8Array([...authenticatorData, ...(await sha256(clientDataBytes))]);
  const isSigned = await checkSignature(key, signature, signed);
  if (!isSigned) return refused('passkey_not_signed');
  return { outcome: 'verified', isBackupEligible: (flags & BACKUP_ELIGIBLE) !== 0 };
}

/** @throws TypeError for what is no key of the three kinds. */
export function parsePasskeyKey(value: unknown): PasskeyKey {
  if (!Value.Check(PasskeyKey, value)) throw new TypeError('no key of a passkey');
  return value;
}

/** Undefined for what is no key of the three kinds. RSA keys have 2048 to 4096 bits. */
export async function importPasskeyKey(key: unknown): Promise<CryptoKey | undefined> {
  if (!Value.Check(PasskeyKey, key)) return undefined;
  try {
    const imported = await crypto.subtle.importKey('jwk', { ...key }, algorithmOf(key), true, ['verify']);
    const { modulusLength = 2048 } = imported.algorithm as { modulusLength?: number };
    return modulusLength >= 2048 && modulusLength <= 4096 ? imported : undefined;
  } catch {
    return undefined;
  }
}

const RS256 = { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' } as const;
const ED25519 = { name: 'Ed25519' } as const;

function algorithmOf({ kty }: PasskeyKey) {
  return { EC: ES256, RSA: RS256, OKP: ED25519 }[kty];
}

async function checkSignature(
  key: CryptoKey,
  signature: Uint8Array<ArrayBuffer>,
  signed: Uint8Array<ArrayBuffer>,
): Promise<boolean> {
  if (key.algorithm.name !== ES256.name) return crypto.subtle.verify(key.algorithm.name, key, signature, signed);
  const plain = fromDer(signature);
  return plain !== undefined && crypto.subtle.verify(ES256, key, plain, signed);
}

interface Read {
  clientData: { type?: unknown; challenge?: unknown; origin?: unknown; crossOrigin?: unknown; topOrigin?: unknown };
  clientDataBytes: Uint8Array<ArrayBuffer>;
  authenticatorData: Uint8Array<ArrayBuffer>;
  signature: Uint8Array<ArrayBuffer>;
}

function readAssertion({ clientDataJSON, authenticatorData, signature }: Assertion): Read | undefined {
  try {
    const clientDataBytes = bytesOf(clientDataJSON);
    const clientData: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(clientDataBytes));
    const isObject = typeof clientData === 'object' && clientData !== null;
    const data = bytesOf(authenticatorData);
    if (!isObject || data.length < FIXED_BYTES) return undefined;
    return { clientData, clientDataBytes, authenticatorData: data, signature: bytesOf(signature) };
  } catch {
    return undefined;
  }
}

/**
 * An ECDSA signature of authenticators as WebCrypto takes it: two numbers of 32 bytes. Undefined for what is not DER in its one spelling.
 * @see WebAuthn Level 3 section 6.5.5, RFC 3279 section 2.2.3
 */
function fromDer(der: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> | undefined {
  if (der[0] !== 0x30 || der[1] !== der.length - 2) return undefined;
  const plain = new Uint8Array(64);
  let at = 2;
  for (const end of [32, 64]) {
    const length = der[at + 1] ?? 0;
    const number = der.subarray(at + 2, at + 2 + length);
    if (der[at] !== 0x02 || length === 0 || number.length !== length) return undefined;
    const [first = 0, second = 0] = number;
    const isShortest = first !== 0 || (length > 1 && second >= 0x80);
    const digits = first === 0 ? number.subarray(1) : number;
    if (first >= 0x80 || !isShortest || digits.length > 32) return undefined;
    plain.set(digits, end - digits.length);
    at += 2 + length;
  }
  return at === der.length ? plain : undefined;
}

function bytesOf(text: string): Uint8Array<ArrayBuffer> {
  return new Uint8Array(base64url.decode(text));
}

async function sha256(bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array<ArrayBuffer>> {
  return new Uint8Array(await crypto.subtle.digest('SHA-256', bytes));
}

function isSame(one: Uint8Array, other: Uint8Array): boolean {
  return one.length === other.length && one.every((byte, index) => byte === other[index]);
}

function refused(reason: AssertionRefusal): VerifiedAssertion {
  return { outcome: 'refused', reason };
}
