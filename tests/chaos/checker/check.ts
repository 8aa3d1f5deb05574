import type { Dumps, LedgerMessage } from './dumps.ts';
import type { Seen } from './read-history.ts';
import { wholeness } from './whole.ts';

export interface Verdict {
  writesLost: number;
  acceptedTwice: number;
  auditMissing: number;
  /** Each one a sentence. */
  violations: string[];
}

/**
 * Judges what happened by what callers saw and what the engines hold, with nothing of the product's own code: it would share its
 * mistakes.
 */
export function check(seen: Seen, dumps: Dumps): Verdict {
  const twice = [...codesThatLetInTwice(seen), ...challengesApprovedTwice(dumps.ledger)];
  const lost = writesThatAreGone(seen, dumps);
  const missing = [...sequencesNotInAudit(dumps), ...changesNotInAudit(seen, dumps)];
  return {
    writesLost: lost.length,
    acceptedTwice: twice.length,
    auditMissing: missing.length,
    violations: [
      ...wholeness(seen, dumps),
      ...twice,
      ...lost,
      ...missing,
      ...approvalsWithoutRecord(seen, dumps),
      ...auditOfNothing(dumps),
      ...auditOutOfOrder(dumps),
    ],
  };
}

/** A code sent again lets nobody in; nor does one person's TOTP code twice. */
function codesThatLetInTwice({ logins, replays }: Seen): string[] {
  const again = replays
    .filter(({ isIn }) => isIn)
    .map(({ userId, code }) => `the code ${code} of ${userId} let in again when it was sent again`);
  const used = new Map<string, number>();
  for (const { kind, userId, accepted, isIn } of logins) {
    if (kind !== 'totp' || !isIn || accepted === undefined) continue;
    const key = `${userId} ${accepted}`;
    used.set(key, (used.get(key) ?? 0) + 1);
  }
  const twice = [...used].filter(([, times]) => times > 1).map(([key]) => `the code of ${key} let in at two logins`);
  return [...again, ...twice];
}

function challengesApprovedTwice(ledger: readonly LedgerMessage[]): string[] {
  const approvals = new Map<string, number>();
  for (const message of ledger) {
    if (message.event.type !== 'challenge.approved') continue;
    const id = challengeOf(message);
    approvals.set(id, (approvals.get(id) ?? 0) + 1);
  }
  return [...approvals].filter(([, times]) => times > 1).map(([id]) => `challenge ${id} was approved twice`);
}

/** Whoever heard "approved" is in the ledger once, as approved, and in the audit once. */
function approvalsWithoutRecord({ logins }: Seen, { ledger, audit }: Dumps): string[] {
  const recorded = new Set(ledger.filter(({ event }) => event.type === 'challenge.approved').map(challengeOf));
  const audited = new Set(
    audit.filter(({ type }) => type === 'challenge.approved').map(({ challengeId }) => challengeId),
  );
  return logins.flatMap(({ isIn, challengeId, userId }) => {
    if (!isIn || challengeId === undefined) return [];
    return [
      ...(recorded.has(challengeId) ? [] : [`${challengeId} was told to be approved and is not in the ledger`]),
      ...(audited.has(challengeId) ? [] : [`${challengeId} was told to be approved and is not in the audit`]),
      ...(userOf(challengeId) === userId ? [] : [`${challengeId} is about another user than ${userId}`]),
    ];
  });
}

function writesThatAreGone({ writes }: Seen, { users }: Dumps): string[] {
  return writes.flatMap(({ userId, username }) =>
    userId === undefined || users.has(userId) ? [] : [`user ${username} was acknowledged and is gone`],
  );
}

/** Every message of the ledger is in the audit, once, with the same attempt and event. */
function sequencesNotInAudit({ ledger, audit }: Dumps): string[] {
  const rows = new Map<string, string[]>();
  for (const { stream, sequence, attemptId, type } of audit) {
    const key = `${stream} ${sequence}`;
    rows.set(key, [...(rows.get(key) ?? []), `${attemptId} ${type}`]);
  }
  return ledger.flatMap(({ stream, sequence, attemptId, event }) => {
    const found = rows.get(`${stream} ${sequence}`) ?? [];
    const wanted = `${attemptId} ${event.type}`;
    if (found.length === 1 && found[0] === wanted) return [];
    return [`${stream} ${sequence} is ${wanted}, and in the audit ${found.join(', ') || 'nothing'}`];
  });
}

/** Every user that an administrator was told of, and every one that is there, is in the audit once. */
function changesNotInAudit({ writes }: Seen, { usersMade }: Dumps): string[] {
  const times = new Map<string, number>();
  for (const userId of usersMade) times.set(userId, (times.get(userId) ?? 0) + 1);
  return writes.flatMap(({ userId, username }) => {
    const found = userId === undefined ? 1 : (times.get(userId) ?? 0);
    return found === 1 ? [] : [`that user ${username} was made is in the audit ${found} times`];
  });
}

/** Whoever reads it sorts by time: of each user that is to be the order in which it happened. */
function auditOutOfOrder({ ledger, audit }: Dumps): string[] {
  const decidedAt = new Map(ledger.map(({ stream, sequence, event }) => [`${stream} ${sequence}`, event.at]));
  const moved = audit.flatMap(({ stream, sequence, at }) => {
    const was = decidedAt.get(`${stream} ${sequence}`) ?? at;
    return was === at ? [] : [`${stream} ${sequence} was decided at ${was}, and at ${at} by the audit`];
  });
  const last = new Map<string, number>();
  const backwards = audit
    .toSorted((a, b) => a.sequence - b.sequence)
    .flatMap(({ stream, sequence, userId, type, at }) => {
      const key = `${stream} ${userId}`;
      const before = last.get(key) ?? at;
      last.set(key, Math.max(before, at));
      return at >= before ? [] : [`${stream} ${sequence}, ${type}, stands ${before - at} ms before what it followed`];
    });
  return [...moved, ...backwards];
}

function auditOfNothing({ ledger, audit }: Dumps): string[] {
  const known = new Set(ledger.map(({ stream, sequence }) => `${stream} ${sequence}`));
  return audit
    .filter(({ stream, sequence }) => !known.has(`${stream} ${sequence}`))
    .map(
      ({ stream, sequence, type }) => `the audit tells of ${type} at ${stream} ${sequence}, which the ledger does not`,
    );
}

/** The first 22 characters of a challenge's id are its user's, the rest its own. */
function challengeOf({ subject, event }: LedgerMessage): string {
  const userId = subject.split('.').at(-1) ?? '';
  return Buffer.from(userId.replaceAll('-', ''), 'hex').toString('base64url') + String(event['key']);
}

function userOf(challengeId: string): string {
  const hex = Buffer.from(challengeId.slice(0, 22), 'base64url').toString('hex');
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}
