import type { Policy } from '@countersign/contracts';
import { addressOfChallenge, METHODS } from '@countersign/contracts';
import type { History, Heard } from './history.ts';
import type { Entry, StreamModel } from './log-model.ts';
import { BEGIN, codeShown, type Person } from './world.ts';

/** Clocks of two servers may be this far apart. */
const SKEW_MS = 4000;
/** A decision is told within this time of being asked for, or not at all. */
const ANSWER_MS = 12_000;

export interface Violation {
  invariant: string;
  what: string;
}

interface Allow extends Heard {
  answer: { type: 'allow'; challengeId: string; method: string };
}

/** Everything a judge may look at: what callers heard, what they were sent, and what was ever stored. */
export interface Evidence {
  history: History;
  stream: StreamModel;
  people: readonly Person[];
  policy: Policy;
  endedAt: number;
}

export function judge(evidence: Evidence): Violation[] {
  const allows = evidence.history.heard.filter((heard): heard is Allow => heard.answer.type === 'allow');
  return JUDGES.flatMap(({ invariant, find }) => find(allows, evidence).map((what) => ({ invariant, what })));
}

interface Judge {
  invariant: string;
  find: (allows: readonly Allow[], evidence: Evidence) => string[];
}

const JUDGES: readonly Judge[] = [
  {
    invariant: 'INV-1: a code lets in once',
    find: (allows) =>
      twice(allows, ({ asked, answer }) =>
        answer.method === 'totp'
          ? `${asked.userId} ${asked.code}`
          : answer.method === 'sms' && `${answer.challengeId} ${asked.code}`,
      ),
  },
  {
    invariant: 'INV-2: a later login is by a later step',
    find: (allows, { people }) => {
      const byToken = allows.filter(({ answer }) => answer.method === 'totp');
      return byToken.flatMap((later) =>
        byToken
          .filter((earlier) => earlier.asked.userId === later.asked.userId && earlier.at < later.asked.sentAt)
          .filter((earlier) => (stepOf(people, later) ?? 0) <= (stepOf(people, earlier) ?? 0))
          .map((earlier) => `${name(later)} after ${name(earlier)}`),
      );
    },
  },
  {
    invariant: 'INV-3: a code lets in where it was asked for',
    find: (allows, { stream, history }) =>
      allows.flatMap((allow) => {
        const { asked, answer } = allow;
        const started = startOf(stream, answer.challengeId);
        if (started === undefined && answer.method !== 'bypass') return [`${name(allow)}: no such challenge`];
        if (started !== undefined && started.applicationId !== asked.applicationId)
          return [`${name(allow)}: application`];
        if (addressOfChallenge(answer.challengeId)?.userId !== asked.userId) return [`${name(allow)}: user`];
        if (answer.method !== 'sms') return [];
        const codes = [
          ...new Set(
            history.handed.filter(({ challengeId }) => challengeId === answer.challengeId).map(({ code }) => code),
          ),
        ];
        const voided = history.heard.filter(
          (heard) =>
            heard.asked.operation === 'resend' &&
            heard.asked.challengeId === answer.challengeId &&
            heard.answer.type === 'done' &&
            heard.at < asked.sentAt,
        ).length;
        return codes.indexOf(asked.code ?? '') >= voided ? [] : [`${name(allow)}: a code that was not sent last`];
      }),
  },
  {
    invariant: 'INV-4: no more wrong codes are looked at than the budget has',
    find: (_, { history, stream, people, policy, endedAt }) =>
      people.flatMap(({ user: { userId } }) =>
        METHODS.flatMap((method) => {
          const ofUser = stream.everStored.filter(
            (entry) =>
              entry.userId === userId &&
              entry.record.event.type === 'code.rejected' &&
              entry.record.event.method === method,
          );
          const lost = ofUser.filter((entry) => stream.everLost.has(entry)).length;
          const attempts = new Set(ofUser.map(({ record }) => record.attemptId));
          const looked = history.heard.filter(
            ({ asked, answer }) =>
              answer.type === 'refused' && answer.code === 'CODE_REJECTED' && attempts.has(asked.attemptId),
          ).length;
          const { anywhere, knownDevice } = policy.attempts;
          const most = [anywhere, knownDevice].reduce(
            (sum, { burst, refillSeconds }) => sum + burst + Math.ceil((endedAt - BEGIN) / 1000 / refillSeconds),
            0,
          );
          return looked <= most + lost
            ? []
            : [`${looked} for user ${userId.slice(0, 2)} by ${method}, at most ${most}`];
        }),
      ),
  },
  {
    invariant: 'INV-5: a challenge ends once',
    find: (allows, { history }) =>
      allows.flatMap((allow) =>
        history.heard
          .filter(
            ({ answer }) =>
              answer.type === 'state' &&
              answer.challengeId === allow.answer.challengeId &&
              (answer.state === 'cancelled' || answer.state === 'denied'),
          )
          .map((other) => `${name(allow)} and ${name(other)}`),
      ),
  },
  {
    invariant: 'INV-6: nothing is approved after its time or after a cancel',
    find: (allows, { stream }) =>
      allows.flatMap((allow) => {
        const { expiresAt } = startOf(stream, allow.answer.challengeId) ?? {};
        if (expiresAt === undefined || allow.answer.method === 'bypass') return [];
        const tooLate = allow.asked.sentAt > expiresAt + SKEW_MS || allow.at > expiresAt + SKEW_MS + ANSWER_MS;
        return tooLate ? [name(allow)] : [];
      }),
  },
  {
    invariant: 'INV-7: a challenge lets in once',
    find: (allows) => twice(allows, ({ answer }) => answer.challengeId),
  },
  {
    invariant: 'INV-8: after a block nobody gets in',
    find: (allows, { history, stream }) => {
      const of = (userId: string, type: string) =>
        history.heard.filter(
          ({ asked, answer }) => asked.code === type && asked.userId === userId && answer.type === 'done',
        );
      const lost = new Set([...stream.everLost].map(({ record }) => record.attemptId));
      return allows.flatMap((allow) => {
        const { userId, sentAt } = allow.asked;
        const block = of(userId, 'user.blocked').find(({ at, asked }) => at < sentAt && !lost.has(asked.attemptId));
        const wasLifted = stream.everStored.some(
          ({ userId: whose, record, at }) =>
            whose === userId && record.event.type === 'user.unblocked' && at <= allow.at,
        );
        return block === undefined || wasLifted ? [] : [`${name(allow)} after ${name(block)}`];
      });
    },
  },
  {
    invariant: 'INV-9, INV-11: nobody is let in without a record that was stored before',
    find: (allows, { stream }) =>
      allows
        .filter(
          ({ asked, at }) =>
            !stream.everStored.some(
              (entry) => entry.record.attemptId === asked.attemptId && isApproval(entry) && entry.at <= at,
            ),
        )
        .map(name),
  },
  {
    invariant: 'INV-22: a bypass lets in once',
    find: (allows, { stream }) => {
      const used = allows.filter(({ answer }) => answer.method === 'bypass');
      const granted = (userId: string) =>
        new Set(
          stream.everStored
            .filter((entry) => entry.userId === userId && entry.record.event.type === 'bypass.granted')
            .map(({ record }) => record.attemptId),
        ).size;
      return used
        .filter(
          ({ asked }, index) =>
            used.slice(0, index + 1).filter((other) => other.asked.userId === asked.userId).length >
            granted(asked.userId),
        )
        .map(name);
    },
  },
];

function isApproval({ record }: Entry): boolean {
  return record.event.type === 'challenge.approved' || record.event.type === 'bypass.used';
}

/** The challenge as it was opened, and how long it was given in the end. */
function startOf(stream: StreamModel, challengeId: string): { applicationId: string; expiresAt: number } | undefined {
  const key = addressOfChallenge(challengeId)?.key;
  let found: { applicationId: string; expiresAt: number } | undefined;
  for (const { record } of stream.everStored) {
    const { event } = record;
    if (event.type === 'challenge.started' && event.challenge.key === key) found = { ...event.challenge };
    if (event.type === 'code.resent' && event.key === key && found !== undefined)
      found.expiresAt = Math.max(found.expiresAt, event.expiresAt);
  }
  return found;
}

const PERIOD_MS = 30_000;

function stepOf(people: readonly Person[], { asked }: Allow): number | undefined {
  const person = people.find(({ user }) => user.userId === asked.userId);
  if (person === undefined) return undefined;
  const offsets = Array.from({ length: 40 }, (_, index) => index - 10);
  return offsets.find((offset) => codeShown(person, BEGIN + offset * PERIOD_MS) === asked.code);
}

/** Those that have the same key as one before. */
function twice(allows: readonly Allow[], keyOf: (allow: Allow) => string | false): string[] {
  const first = new Map<string, Allow>();
  return allows.flatMap((allow) => {
    const key = keyOf(allow);
    if (key === false) return [];
    const before = first.get(key);
    if (before === undefined) first.set(key, allow);
    return before === undefined ? [] : [`${name(before)} and ${name(allow)}`];
  });
}

function name({ asked }: Heard): string {
  return asked.attemptId;
}
