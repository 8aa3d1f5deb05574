import type { AttestationRefusal } from './attestation.ts';

/** Why a browser's answer counts for nothing. For logs and audit; the caller hears the same whatever it was. */
export type PasskeyRefusal =
  /** Not what it has to be: type, challenge, origin, relying party, presence, verification, flags or signature. */
  | 'invalid'
  /** Made in a page of ours that stood in somebody else's. */
  | 'framed'
  /** Not one of this person's. */
  | 'credential'
  /** Its keeper thinks that it is another person's. */
  | 'handle'
  /** What it says of being copied is not what it said when it was enrolled. */
  | 'backup'
  /** The policy takes none that are copied between devices. */
  | 'syncable'
  /** It was enrolled before, by whoever. */
  | 'enrolled'
  | AttestationRefusal;

/**
 * Refuses an answer from a page in a frame of another origin. No page of ours lets itself be framed, so it was not ours, or the browser
 * was lied to. The library looks at `topOrigin` only, which not every browser sends, and at a registration not at all (WEB-01).
 * @see WebAuthn Level 3 section 5.8.1
 */
export function refusalOfClientData(clientDataJSON: string): PasskeyRefusal | undefined {
  try {
    const text = new TextDecoder().decode(Buffer.from(clientDataJSON, 'base64url'));
    const { crossOrigin, topOrigin } = JSON.parse(text) as { crossOrigin?: unknown; topOrigin?: unknown };
    return (crossOrigin ?? false) === false && topOrigin === undefined ? undefined : 'framed';
  } catch {
    return 'invalid';
  }
}
