import type { KeyRing } from '../keys/ring.ts';
import type { LimitStore } from './limit-store.ts';

/** HA-61: the send, and at most one automatic resend of the same code. */
export const MAX_SENDS = 2;

export interface ClaimView {
  /** Sends that were begun and not taken back. Each may have become a text. */
  taken: number;
  /** Carriers that were asked and never answered. */
  unanswered: readonly string[];
}

/**
 * Whoever sends a message claims the send first, by a conditional append. So the number of texts is bounded by what the stream
 * acknowledged, and not by how often a queue delivers: a delivery that died before it sent anything costs no send, and a queue
 * that forgets what it delivered causes none.
 */
export interface SendClaims {
  look(messageId: string): Promise<ClaimView>;
  /**
   * False when all are taken. @param claimId of this try; asking twice with the same one takes one.
   * @throws MfaError UNAVAILABLE: then nothing may be sent.
   */
  take(messageId: string, claimId: string): Promise<boolean>;
  /** After a definite no of every carrier: nothing was sent. */
  giveBack(messageId: string, claimId: string): Promise<void>;
  /** After a silence: the resend asks others first. */
  markUnanswered(messageId: string, carrier: string): Promise<void>;
}

interface ClaimRecord {
  v: 1;
  claims: string[];
  unanswered: string[];
}

const NONE: ClaimRecord = { v: 1, claims: [], unanswered: [] };

export function createClaims(store: LimitStore, ring: Pick<KeyRing, 'mac'>): SendClaims {
  /** Challenge ids are no secret, and yet no business of whoever reads the stream's subjects. */
  const keyOf = (messageId: string) =>
    `send.${ring.mac('message-claim', messageId).toString('base64url').slice(0, 22)}`;

  return {
    look: (messageId) =>
      store.update<ClaimRecord, ClaimView>(keyOf(messageId), (record = NONE) => ({
        result: { taken: record.claims.length, unanswered: record.unanswered },
      })),
    take: (messageId, claimId) =>
      store.update<ClaimRecord, boolean>(keyOf(messageId), (record = NONE) => {
        if (record.claims.includes(claimId)) return { result: true };
        if (record.claims.length >= MAX_SENDS) return { result: false };
        return { record: { ...record, claims: [...record.claims, claimId] }, result: true };
      }),
    giveBack: (messageId, claimId) =>
      store.update<ClaimRecord, void>(keyOf(messageId), (record = NONE) => ({
        record: { ...record, claims: record.claims.filter((claim) => claim !== claimId) },
        result: undefined,
      })),
    markUnanswered: (messageId, carrier) =>
      store.update<ClaimRecord, void>(keyOf(messageId), (record = NONE) => ({
        record: { ...record, unanswered: [...new Set([...record.unanswered, carrier])] },
        result: undefined,
      })),
  };
}
