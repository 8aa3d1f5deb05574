import { challengeIdAt } from '@countersign/contracts';
import { showable, type Prompt } from '@countersign/device-protocol';
import type { Applications } from '../application/applications.ts';
import type { EventContext } from '../challenge/events.ts';
import { MAX_TEXT_BYTES_IN_STATE, type OpenChallenge } from '../challenge/state.ts';
import type { KeyRing } from '../keys/ring.ts';

const NONCE_BYTES = 16;
/**
 * The number that the application shows and the person types. Derived, so that every replica knows it and the ledger holds nothing of
 * it; with a key of its own, so that it is never taken for the code of a message.
 * @param digits 2 to 6.
 */
export function numberFor(ring: KeyRing, challengeId: string, digits: number): string {
  const number = ring.mac('app-number', challengeId).readBigUInt64BE(0) % 10n ** BigInt(digits);
  return number.toString().padStart(digits, '0');
}

/**
 * Where a login comes from, in one line, as far as the application says; short enough to be kept with the challenge. Nothing that the
 * browser writes: whoever is at somebody's account would have a line in the prompt, to tell its owner what to type.
 */
export function sourceOf({ ip, location }: EventContext = {}): string | undefined {
  const words = [ip, location].filter((word) => word !== undefined && word !== '');
  const line = showable(words.join(', ')).trim();
  let kept = '';
  for (const character of line) {
    if (Buffer.byteLength(JSON.stringify(kept + character)) - 2 > MAX_TEXT_BYTES_IN_STATE) break;
    kept += character;
  }
  return kept === '' ? undefined : kept;
}

/**
 * What a phone is to show of a challenge. Made from what is on record, each time anew and in this one way: what a phone answers is held
 * against it (DEV-30).
 */
export function promptOnRecord(
  { ring, applications }: { ring: KeyRing; applications: Pick<Applications, 'all'> },
  { key, applicationId, source, createdAt, expiresAt, digits }: OpenChallenge,
  { userId, username }: { userId: string; username: string },
): Prompt {
  const application = applications.all().find((one) => one.applicationId === applicationId);
  const challengeId = challengeIdAt({ userId, key });
  return {
    challengeId,
    serverNonce: ring.mac('prompt-nonce', challengeId).subarray(0, NONCE_BYTES).toString('base64url'),
    displayed: {
      user: showable(username),
      application: showable(application?.name ?? ''),
      ...(source !== undefined && { source }),
      createdAt,
      expiresAt,
      digits,
    },
  };
}
