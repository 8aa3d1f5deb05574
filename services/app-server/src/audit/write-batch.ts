import { sql, type Kysely } from 'kysely';
import type { Schema } from '../database/schema.ts';
import { TIMELINE, type Checkpoint } from './checkpoint.ts';
import { storableJson, type AuthenticatorUse, type LedgerRow, type Projected } from './projected.ts';

/**
 * Writes what follows a checkpoint, and the checkpoint, in one statement. The checkpoint is the claim: it moves only from where
 * the writer believes it to be, so of several writers one succeeds and the others change nothing.
 * @param projected in the order of the stream, without a gap.
 * @returns false when the checkpoint was elsewhere.
 */
export async function writeBatch(
  db: Kysely<Schema>,
  { stream, created, sequence }: Checkpoint,
  projected: readonly Projected[],
): Promise<boolean> {
  const last = projected.at(-1);
  if (last === undefined) return true;
  const streamCreated = new Date(created);
  const rows = storableJson(projected.map(({ row }) => ({ ...row, at: iso(row.at) })));
  const states = storableJson(newestStates(projected).map((state) => ({ ...state, at: iso(state.at) })));
  const uses = storableJson(newestUses(projected).map((use) => ({ ...use, at: iso(use.at) })));

  const notices = storableJson(
    projected.flatMap(({ notice }) => notice ?? []).map((each) => ({ ...each, at: iso(each.at) })),
  );

  const { rows: claimed } = await sql<{ sequence: string }>`
    with claimed as (
      update projection_checkpoint
      set sequence = ${last.row.sequence}, at = ${new Date(last.row.at)}, timeline = ${TIMELINE}, updated_at = now()
      where stream = ${stream} and stream_created = ${streamCreated} and sequence = ${sequence}
      returning stream, sequence
    ), audited as (
      insert into audit_event (at, stream, sequence, attempt_id, type, user_id, application_id, challenge_id, method,
        reason, actor, replica, trace_id, detail)
      select e.at, claimed.stream, e.sequence, e.attempt_id, e.type, e.user_id, e.application_id, e.challenge_id, e.method,
        e.reason, e.actor, e.replica, e.trace_id, e.detail
      from claimed, json_to_recordset(${rows}) as e (at timestamptz, sequence bigint, attempt_id text, type text,
        user_id text, application_id text, challenge_id text, method text, reason text, actor text, replica text,
        trace_id text, detail jsonb)
      on conflict do nothing
    ), remembered as (
      insert into user_ledger as kept (user_id, stream_created, stream_sequence, at, state)
      select s.user_id, ${streamCreated}, s.sequence, s.at, s.state
      from claimed, json_to_recordset(${states}) as s (user_id uuid, sequence bigint, at timestamptz, state jsonb)
      where exists (select from app_user where app_user.user_id = s.user_id)
      order by s.user_id
      on conflict (user_id) do update
      set stream_created = excluded.stream_created, stream_sequence = excluded.stream_sequence, at = excluded.at,
        state = excluded.state
      where (kept.stream_created, kept.stream_sequence) < (excluded.stream_created, excluded.stream_sequence)
    ), used as (
      update authenticator set last_used_at = u.at
      from claimed, json_to_recordset(${uses}) as u (authenticator_id uuid, at timestamptz)
      where authenticator.authenticator_id = u.authenticator_id
        and (authenticator.last_used_at is null or authenticator.last_used_at < u.at)
    ), used_passkeys as (
      update passkey set last_used_at = greatest(passkey.last_used_at, u.at),
        sign_count = greatest(passkey.sign_count, u.sign_count)
      from claimed, json_to_recordset(${uses}) as u (authenticator_id uuid, at timestamptz, sign_count bigint)
      where passkey.passkey_id = u.authenticator_id
    ), noted as (
      -- One that comes out of the ledger a day late, after a restore, tells nobody anything.
      select n.* from claimed, json_to_recordset(${notices}) as n (user_id uuid, kind text, at timestamptz)
      where n.at > now() - interval '1 day'
    ), noticed as (
      insert into notice (notice_id, user_id, kind, channel, authenticator_id, phone_sealed, created_at, due_at, tries)
      select gen_random_uuid(), n.user_id, n.kind, 'sms', a.authenticator_id, a.phone_sealed, n.at, n.at, 0
      from noted n join authenticator a on a.user_id = n.user_id and a.type = 'phone' and a.state = 'active'
      union all
      select gen_random_uuid(), n.user_id, n.kind, 'mail', null, null, n.at, n.at, 0
      from noted n join app_user u on u.user_id = n.user_id and u.mail is not null
    )
    select sequence from claimed`.execute(db);
  return claimed.length === 1;
}

/** A decoy's state stays out of Postgres by the statement's `exists`: otherwise every made-up name would leave a row for ever. */
function newestStates(projected: readonly Projected[]): LedgerRow[] {
  const newest = new Map<string, LedgerRow>();
  for (const { state } of projected) if (state !== undefined) newest.set(state.user_id, state);
  return [...newest.values()];
}

function newestUses(projected: readonly Projected[]): AuthenticatorUse[] {
  const newest = new Map<string, AuthenticatorUse>();
  for (const { use } of projected) {
    if (use === undefined) continue;
    const counted = [newest.get(use.authenticator_id)?.sign_count, use.sign_count].filter(
      (count) => count !== undefined,
    );
    newest.set(use.authenticator_id, { ...use, ...(counted.length > 0 && { sign_count: Math.max(...counted) }) });
  }
  return [...newest.values()];
}

function iso(at: number): string {
  return new Date(at).toISOString();
}
