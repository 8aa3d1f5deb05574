import { Type } from 'typebox';

/** RFC 9562 UUID, version 4: users, applications and authenticators. Random, so that a decoy's looks the same. */
export const Uuid = Type.String({
  pattern: '^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$',
  examples: ['1b4e28ba-2fa1-4d9a-8f1c-0c2d7f3a9e11'],
});

const CHALLENGE_ID_PATTERN = /^[A-Za-z0-9_-]{21}[AQgw][A-Za-z0-9_-]{21}[AQgw]$/;
/** The user's id and 16 random bytes, each base64url. Bounded here; one that is not well formed is simply not found. */
export const ChallengeId = Type.String({
  minLength: 1,
  maxLength: 128,
  examples: ['G04oui-hTZqPHAwtfzqeEQKsd9Zz1Q2m8PpFvYcW3aIw'],
});

/** @param entropy 16 random bytes. */
export function challengeIdFor(userId: string, entropy: Uint8Array): string {
  if (entropy.length !== 16) throw new RangeError('a challenge id takes 16 random bytes');
  return challengeIdAt({ userId, key: Buffer.from(entropy).toString('base64url') });
}

/** The id of the challenge that is kept there; the reverse of addressOfChallenge. */
export function challengeIdAt({ userId, key }: ChallengeAddress): string {
  return uuidToBytes(userId).toString('base64url') + key;
}

export interface ChallengeAddress {
  /** Whose ledger record holds the challenge. */
  userId: string;
  /** Names the challenge within that record: 22 characters. */
  key: string;
}

/** Where a challenge is kept, or undefined when the id is not one of ours. */
export function addressOfChallenge(challengeId: string): ChallengeAddress | undefined {
  if (!CHALLENGE_ID_PATTERN.test(challengeId)) return undefined;
  return { userId: bytesToUuid(Buffer.from(challengeId.slice(0, 22), 'base64url')), key: challengeId.slice(22) };
}

/** Any 16 bytes as a version 4 UUID: version and variant bits are overwritten (RFC 9562 section 5.4). */
export function uuidFrom(bytes: Uint8Array): string {
  const copy = Buffer.from(bytes.subarray(0, 16));
  copy[6] = ((copy[6] ?? 0) & 0x0f) | 0x40;
  copy[8] = ((copy[8] ?? 0) & 0x3f) | 0x80;
  return bytesToUuid(copy);
}

function uuidToBytes(uuid: string): Buffer {
  return Buffer.from(uuid.replaceAll('-', ''), 'hex');
}

function bytesToUuid(bytes: Uint8Array): string {
  const hex = Buffer.from(bytes).toString('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}
