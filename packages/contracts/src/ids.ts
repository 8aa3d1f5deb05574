import { Type } from 'typebox';

/** RFC 9562 UUID, version 4: users, applications and authenticators. Random, so that a decoy's looks the same. */
export const Uuid = Type.String({
  pattern: '^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$',
  examples: ['1b4e28ba-2fa1-4d9a-8f1c-0c2d7f3a9e11'],
});

const CHALLENGE_ID_PATTERN = /^[A-Za-z0-9_-]{42}[AQgw048IMUYcjosy]$/;
/** 16 bytes of user id and 16 random bytes, base64url. Bounded here; one that is not well formed is simply not found. */
export const ChallengeId = Type.String({
  minLength: 1,
  maxLength: 128,
  examples: ['G04oui-hTZqPHAwtfzqeEUKsd9Zz1Q2m8PpFvYcW3aI'],
});

/** @param entropy 16 random bytes. */
export function challengeIdFor(userId: string, entropy: Uint8Array): string {
  if (entropy.length !== 16) throw new RangeError('a challenge id takes 16 random bytes');
  return Buffer.concat([uuidToBytes(userId), entropy]).toString('base64url');
}

/** The user whose ledger record holds the challenge, or undefined when the id is not one of ours. */
export function userIdOfChallenge(challengeId: string): string | undefined {
  if (!CHALLENGE_ID_PATTERN.test(challengeId)) return undefined;
  return bytesToUuid(Buffer.from(challengeId, 'base64url').subarray(0, 16));
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
