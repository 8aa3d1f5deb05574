import { challengeIdAt } from '@countersign/contracts';
import type { LedgerRecord } from '../ledger/record.ts';
import type { AuthenticatorUse, Projected, Projection, StreamMessage } from './projected.ts';

const decoder = new TextDecoder();

/** What every event may carry, as far as it has a column. Read loosely, because a newer replica may know more events. */
interface EventFields {
  type: string;
  at: number;
  key?: string;
  applicationId?: string;
  method?: string;
  reason?: string;
  by?: string;
  purpose?: string;
  authenticatorId?: string;
  step?: number;
  challenge?: { key: string; applicationId: string; method: string } & Record<string, unknown>;
}

/**
 * A message of the ledger: its event is a row of the audit, its state that of the user, and an approval the use of an authenticator.
 * @param prefix what the subjects of this part of the ledger begin with.
 * @throws when it is not a record of the ledger.
 */
export const projectLedger =
  (prefix: string): Projection =>
  (message) => {
    if (!message.subject.startsWith(prefix)) throw new Error('not a subject of the ledger');
    return projectRecord(message, message.subject.slice(prefix.length));
  };

function projectRecord(message: StreamMessage, userId: string): Projected {
  const record = JSON.parse(decoder.decode(message.data)) as LedgerRecord;
  const event = record.event as EventFields;
  if (!isTime(event.at) || typeof event.type !== 'string') throw new Error('not a record of the ledger');
  const { type, at, key, applicationId, method, reason, by, challenge, ...rest } = event;
  const { key: startedKey, applicationId: startedBy, method: startedMethod, ...started } = challenge ?? {};
  const challengeKey = key ?? startedKey;
  return {
    row: {
      at,
      sequence: message.sequence,
      attempt_id: record.attemptId,
      type,
      user_id: userId,
      application_id: applicationId ?? startedBy,
      ...(challengeKey !== undefined && { challenge_id: challengeIdAt({ userId, key: challengeKey }) }),
      method: method ?? startedMethod ?? (type === 'bypass.used' ? 'bypass' : undefined),
      reason,
      actor: by,
      replica: record.replica,
      trace_id: record.traceId,
      detail: withoutMac({ ...started, ...rest }),
    },
    state: { user_id: userId, sequence: message.sequence, at, state: lasting(record.state) },
    ...(type === 'enrolment.granted' && { notice: { user_id: userId, kind: 'access-code.granted', at } as const }),
    ...(letsIn(event) && event.authenticatorId !== undefined && { use: useOf(event.authenticatorId, event) }),
  };
}

function letsIn({ type, purpose }: EventFields): boolean {
  return type === 'invitation.accepted' || (type === 'challenge.approved' && purpose === 'login');
}

function useOf(authenticatorId: string, { at, method, step }: EventFields): AuthenticatorUse {
  const counts = method === 'passkey' && step !== undefined;
  return { authenticator_id: authenticatorId, at, ...(counts && { sign_count: step }) };
}

/** The audit outlives every code by years and is read by many: not even a keyed hash of one belongs into it. */
function withoutMac({ codeMac: _, attemptId: __, ...detail }: Record<string, unknown>): object {
  return detail;
}

/** What restoredState would take of it: challenges, a bypass and an access code do not come back from Postgres. */
function lasting({ bypass: _, enrolment: __, ...state }: LedgerRecord['state']): object {
  return { ...state, open: [], closed: [] };
}

export function isTime(at: unknown): at is number {
  return typeof at === 'number' && !Number.isNaN(new Date(at).getTime());
}
