import type { KeyRing } from '../keys/ring.ts';
import type { LimitStore } from './limit-store.ts';

/** HA-61: the send, and at most one automatic resend of the same code. */
const MAX_SENDS = 2;

type Claimed =
  /** `nth` is 1 for the send and 2 for the resend. `unanswered` names the carriers that were asked before and never answered. */
  | { claimed: true; nth: number; unanswered: readonly string[] }
  /** All are taken, or the last one is so fresh that whoever took it is probably still at it. */
  | { claimed: false; reason: 'sent_twice' }
  | { claimed: false; reason: 'in_other_hands'; againInMs: number };

/**
 * Whoever sends a message claims the send first, by a conditional append. So the number of texts is bounded by what the stream
 * acknowledged, and not by how often a queue delivers: a delivery that died before it sent anything costs no send, and a queue
 * that forgets or repeats what it delivered causes none. (nats-server 2.9.10 was seen to hand one message to two workers at
 * once after the one that had it was killed, and to call one of the two its first delivery.)
 */
export interface SendClaims {
  /**
   * @param claimId of this try; asking twice with the same one takes one.
   * @param freshMs how long somebody else's claim keeps us from taking the next.
   * @throws MfaError UNAVAILABLE: then nothing may be sent.
   */
  take(messageId: string, claimId: string, now: number, freshMs: number): Promise<Claimed>;
  /** When it is certain that nothing was sent on it. */
  giveBack(messageId: string, claimId: string): Promise<void>;
  /** After a silence: the resend asks others first. */
  markUnanswered(messageId: string, carrier: string): Promise<void>;
}

interface ClaimRecord {
  v: 1;
  claims: { id: string; at: number }[];
  unanswered: string[];
}

const NONE: ClaimRecord = { v: 1, claims: [], unanswered: [] };

export function createClaims(store: LimitStore, ring: Pick<KeyRing, 'mac'>): SendClaims {
  /** Challenge ids are no secret, and yet no business of whoever reads the stream's subjects. */
  const keyOf = (messageId: string) =>
    `send.${ring.mac('message-claim', messageId).toString('base64url').slice(0, 22)}`;

  return {
    take: (messageId, claimId, now, freshMs) =>
      store.update<ClaimRecord, Claimed>(keyOf(messageId), (record = NONE) => {
        const { claims, unanswered } = record;
        const mine = claims.findIndex(({ id }) => id === claimId);
        if (mine !== -1) return { result: { claimed: true, nth: mine + 1, unanswered } };
        const ageMs = now - Math.max(0, ...claims.map(({ at }) => at));
        if (ageMs < freshMs) {
          return {
            result: { claimed: false, reason: 'in_other_hands', againInMs: Math.min(freshMs, freshMs - ageMs) },
          };
        }
        if (claims.length >= MAX_SENDS) return { result: { claimed: false, reason: 'sent_twice' } };
        return {
          record: { ...record, claims: [...claims, { id: claimId, at: now }] },
          result: { claimed: true, nth: claims.length + 1, unanswered },
        };
      }),
    giveBack: (messageId, claimId) =>
      store.update<ClaimRecord, void>(keyOf(messageId), (record = NONE) => ({
        record: { ...record, claims: record.claims.filter(({ id }) => id !== claimId) },
        result: undefined,
      })),
    markUnanswered: (messageId, carrier) =>
      store.update<ClaimRecord, void>(keyOf(messageId), (record = NONE) => ({
        record: { ...record, unanswered: [...new Set([...record.unanswered, carrier])] },
        result: undefined,
      })),
  };
}
