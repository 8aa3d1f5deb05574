import type { KeyRing } from '../keys/ring.ts';
import type { BudgetRefusal, SendBudgets } from './budget.ts';
import type { OutgoingMessage } from './carriers/carrier.ts';
import type { CarrierPool, PoolOutcome } from './carriers/pool.ts';
import type { SendClaims } from './claims.ts';
import type { Job } from './job.ts';
import { renderSms } from './render.ts';
import { countSegments } from './segments.ts';

export interface DeliverDependencies {
  pool: CarrierPool;
  claims: SendClaims;
  budgets: SendBudgets;
  ring: Pick<KeyRing, 'mac'>;
  now: () => number;
  pace: DeliveryPace;
  /** Whether the code is still waited for; asked before a message that was delivered before is taken up again. */
  stillWanted: (job: Job) => Promise<boolean>;
}

export interface DeliveryPace {
  /** After each round in which every carrier definitely refused. Together shorter than a person's patience. */
  roundPausesMs: readonly number[];
  /** After a silence: time for a text that is on its way to arrive before its copy follows (HA-61). */
  resendAfterMs: number;
  /** Somebody else's claim that is younger keeps a message from being sent a second time: they may still be at it. */
  freshClaimMs: number;
}

export const DELIVERY_PACE: DeliveryPace = {
  roundPausesMs: [1000, 2000, 4000, 8000],
  resendAfterMs: 20_000,
  freshClaimMs: 10_000,
};

export interface DeliveryContext {
  /** Somebody had this message in hand before, and may have sent it. */
  redelivered: boolean;
  /** Of this try alone. */
  claimId: string;
  /** Waits with the message in hand. False: this process is stopping, somebody else should take it. */
  pause(ms: number): Promise<boolean>;
}

/** How a delivery ended. `again` gives the message back to the queue; after all others it is gone from there. */
export type Ending =
  | { end: 'sent'; carrier: string; providerId?: string; reference: string; resend: boolean; segments: number }
  | { end: 'unanswered'; carrier: string; reason: string; reference: string; resend: boolean }
  | { end: 'failed'; reason: string; carrier?: string }
  | { end: 'dropped'; reason: 'expired' | 'not_wanted' | 'sent_twice' | BudgetRefusal }
  | { end: 'decoy' }
  | { end: 'again'; afterMs: number; reason: string; unanswered?: { carrier: string; reference: string } };

/** A code that comes with less left than this is of no use to anybody. */
const SHORTEST_USE_MS = 5000;

/**
 * Takes one message from the queue to a carrier, or finds out why not.
 *
 * Each send is claimed before it is begun, so there are never more than two, whatever dies or stalls in between. A definite no
 * of every carrier gives the claim back. A silence keeps it: nobody else is asked in this delivery, and the message goes back
 * to the queue for its one automatic resend, which asks the other carriers first.
 * @throws MfaError UNAVAILABLE when claims or budgets cannot be reached; nothing was sent then.
 */
export async function deliver(deps: DeliverDependencies, job: Job, context: DeliveryContext): Promise<Ending> {
  const { pool, claims, now, pace } = deps;
  const { messageId } = job;
  const { claimId } = context;
  if (isOver(job, now())) return { end: 'dropped', reason: 'expired' };
  if (context.redelivered && !(await deps.stillWanted(job))) return { end: 'dropped', reason: 'not_wanted' };

  const reference = referenceOf(deps.ring, messageId);
  let cleared = false;
  for (let round = 0; ; round++) {
    if (isOver(job, now())) return { end: 'dropped', reason: 'expired' };
    const claim = await claims.take(messageId, claimId, now(), pace.freshClaimMs);
    if (!claim.claimed) {
      if (claim.reason === 'sent_twice') return { end: 'dropped', reason: 'sent_twice' };
      return { end: 'again', afterMs: claim.againInMs, reason: claim.reason };
    }
    const resend = claim.nth > 1;
    if (resend && !cleared) {
      const refusal = await refuseResend(deps, job, context);
      if (refusal !== undefined) return { end: 'dropped', reason: refusal };
      cleared = true;
    }
    const { phone } = job;
    if (phone === undefined) return { end: 'decoy' };

    let segments = 0;
    const outcome = await pool.send(job.carriers, claim.unanswered, () => {
      const message = compose(job, phone, reference, now());
      if (message !== undefined) segments = countSegments(message.text).segments;
      return message;
    });
    if (outcome.outcome === 'accepted') return { end: 'sent', ...answerOf(outcome), reference, resend, segments };
    if (outcome.outcome === 'unknown') return await afterSilence(deps, messageId, outcome, reference, resend);

    await claims.giveBack(messageId, claimId);
    const pauseMs = pace.roundPausesMs[round];
    if (!outcome.retriable || pauseMs === undefined) return { end: 'failed', ...refusalOf(outcome) };
    if (!(await context.pause(pauseMs))) return { end: 'again', afterMs: 0, reason: 'stopping' };
  }
}

/** A second text needs a login that still waits for it, and a place of its own in every budget (INV-15). */
async function refuseResend(
  { budgets, claims, stillWanted, now }: DeliverDependencies,
  job: Job,
  { claimId, redelivered }: DeliveryContext,
): Promise<'not_wanted' | BudgetRefusal | undefined> {
  try {
    if (!redelivered && !(await stillWanted(job))) return 'not_wanted';
    if (job.phone === undefined) return undefined;
    const reserved = await budgets.reserve(job.phone, job.limits, now());
    return reserved.ok ? undefined : reserved.reason;
  } catch (error) {
    await claims.giveBack(job.messageId, claimId).catch(() => undefined);
    throw error;
  }
}

async function afterSilence(
  { claims, pace }: DeliverDependencies,
  messageId: string,
  outcome: Extract<PoolOutcome, { outcome: 'unknown' }>,
  reference: string,
  resend: boolean,
): Promise<Ending> {
  const { reason, carrier = '' } = outcome;
  if (resend) return { end: 'unanswered', carrier, reason, reference, resend: true };
  await claims.markUnanswered(messageId, carrier);
  return { end: 'again', afterMs: pace.resendAfterMs, reason, unanswered: { carrier, reference } };
}

/** Undefined once the code is of no more use: then no carrier is asked, whatever the round. */
function compose(job: Job, phone: string, reference: string, now: number): OutgoingMessage | undefined {
  if (isOver(job, now)) return undefined;
  const leftMs = job.expiresAt - now;
  const { text, code, application, originHost } = job;
  return {
    to: phone,
    text: renderSms({ text, code, application, originHost, leftMs }),
    reference,
    lifeSeconds: Math.ceil(leftMs / 1000),
    idempotencyKey: reference,
  };
}

/** What carriers call a message by: the same for its resend, and nothing that our interfaces take. */
function referenceOf(ring: Pick<KeyRing, 'mac'>, messageId: string): string {
  return ring.mac('message-reference', messageId).toString('base64url').slice(0, 22);
}

function isOver(job: Job, now: number): boolean {
  return job.expiresAt - now < SHORTEST_USE_MS;
}

function answerOf({ carrier = '', providerId }: Extract<PoolOutcome, { outcome: 'accepted' }>) {
  return { carrier, ...(providerId !== undefined && { providerId }) };
}

function refusalOf({ carrier, reason }: Extract<PoolOutcome, { outcome: 'refused' }>) {
  return { reason, ...(carrier !== undefined && { carrier }) };
}
