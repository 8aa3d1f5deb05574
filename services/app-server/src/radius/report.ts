import type { InputOf, OutputOf, radiusReport } from '@countersign/contracts';
import { sql, type Kysely } from 'kysely';
import type { AuthorisedRequest } from '../application/authorise.ts';
import { recordAdministration } from '../audit/administration.ts';
import type { Router } from '../database/router.ts';
import type { Schema } from '../database/schema.ts';
import type { RadiusClients } from './clients.ts';

type Report = InputOf<typeof radiusReport>;
type Transaction = Kysely<Schema>;

const DAY_MS = 86_400_000;
/** Longer than a radius-server keeps a report that nobody took. */
const KEEP_REPORTS_MS = DAY_MS;
const KEEP_RETRANSMISSIONS_DAYS = 30;
/** Addresses are whatever a packet says: whoever invents them pushes out the oldest, and fills no disk. */
export const MAX_STRANGERS = 1000;
/** Of an integer of Postgres. */
const MOST = 2 ** 31 - 1;

/**
 * Adds what a radius-server has seen to what was seen before, and makes clients that have shown a right Message-Authenticator keep to it
 * (RAD-32). A report counts once, however often it comes; what it says of clients that are gone is passed over.
 * @throws MfaError PRIMARY_UNAVAILABLE, UNAVAILABLE.
 */
export async function report(
  deps: { router: Router; radiusClients: Pick<RadiusClients, 'refresh'>; now: () => number },
  { clients, strangers }: Report,
  { attemptId, application }: AuthorisedRequest,
): Promise<OutputOf<typeof radiusReport>> {
  const at = new Date(deps.now());
  const learnt = await deps.router.write((db) =>
    db.transaction().execute(async (transaction) => {
      if (!(await isNew(transaction, attemptId, at))) return [];
      const known = await knownOf(transaction, clients);
      await addSightings(transaction, known, at);
      await addRetransmissions(transaction, known, at);
      await addStrangers(transaction, strangers, at);
      return learn(transaction, known, { attemptId, actor: application.name, at });
    }),
  );
  if (learnt.length > 0) await deps.radiusClients.refresh('primary');
  return {};
}

/** The row is the claim: two runs of one attempt wait for each other here, and the second finds it. */
async function isNew(transaction: Transaction, attemptId: string, at: Date): Promise<boolean> {
  const inserted = await transaction
    .insertInto('radius_report')
    .values({ attempt_id: attemptId, at })
    .onConflict((conflict) => conflict.doNothing())
    .executeTakeFirst();
  if (inserted.numInsertedOrUpdatedRows !== 1n) return false;
  await transaction
    .deleteFrom('radius_report')
    .where('at', '<', new Date(at.getTime() - KEEP_REPORTS_MS))
    .execute();
  return true;
}

/** In one order, whoever reports, so that two of them never wait for each other. */
async function knownOf(transaction: Transaction, clients: Report['clients']): Promise<Report['clients']> {
  if (clients.length === 0) return [];
  const rows = await transaction
    .selectFrom('radius_client')
    .select('client_id')
    .where(
      'client_id',
      'in',
      clients.map(({ clientId }) => clientId),
    )
    .orderBy('client_id')
    .forKeyShare()
    .execute();
  const byId = new Map(clients.map((client) => [client.clientId, client]));
  return rows.flatMap(({ client_id: clientId }) => byId.get(clientId) ?? []);
}

async function addSightings(transaction: Transaction, clients: Report['clients'], at: Date): Promise<void> {
  const rows = clients.flatMap(({ clientId, counts }) =>
    Object.entries(counts).map(([sighting, packets]) => ({ client_id: clientId, sighting, packets })),
  );
  if (rows.length === 0) return;
  await sql`
    insert into radius_sighting as known (client_id, sighting, packets, first_at, last_at)
      select client_id, sighting, packets, ${at}, ${at}
        from jsonb_to_recordset(${JSON.stringify(rows)}::jsonb) as seen (client_id uuid, sighting text, packets bigint)
        order by client_id, sighting
      on conflict on constraint radius_sighting_pkey do update
        set packets = known.packets + excluded.packets, last_at = greatest(known.last_at, excluded.last_at)`.execute(
    transaction,
  );
}

async function addRetransmissions(transaction: Transaction, clients: Report['clients'], at: Date): Promise<void> {
  const day = Math.floor(at.getTime() / DAY_MS);
  const rows = clients.flatMap(({ clientId, retransmittedAfterMs, mostTries }) =>
    retransmittedAfterMs === undefined && mostTries === undefined
      ? []
      : {
          client_id: clientId,
          least_ms: bounded(retransmittedAfterMs?.[0]),
          most_ms: bounded(retransmittedAfterMs?.[1]),
          tries: bounded(mostTries),
        },
  );
  if (rows.length === 0) return;
  await sql`
    insert into radius_retransmission as known (client_id, day, least_ms, most_ms, tries)
      select client_id, ${day}, least_ms, most_ms, tries
        from jsonb_to_recordset(${JSON.stringify(rows)}::jsonb)
          as seen (client_id uuid, least_ms integer, most_ms integer, tries integer)
        order by client_id
      on conflict on constraint radius_retransmission_pkey do update
        set least_ms = least(known.least_ms, excluded.least_ms), most_ms = greatest(known.most_ms, excluded.most_ms),
          tries = greatest(known.tries, excluded.tries)`.execute(transaction);
  await transaction
    .deleteFrom('radius_retransmission')
    .where('day', '<=', day - KEEP_RETRANSMISSIONS_DAYS)
    .execute();
}

function bounded(value: number | undefined): number | null {
  return value === undefined ? null : Math.min(value, MOST);
}

async function addStrangers(transaction: Transaction, strangers: Report['strangers'], at: Date): Promise<void> {
  if (strangers.length === 0) return;
  const packets = new Map<string, number>();
  for (const stranger of strangers)
    packets.set(stranger.address, (packets.get(stranger.address) ?? 0) + stranger.packets);
  const rows = [...packets].map(([address, count]) => ({ address, packets: count }));
  await sql`
    insert into radius_stranger as known (address, packets, first_at, last_at)
      select address, packets, ${at}, ${at}
        from jsonb_to_recordset(${JSON.stringify(rows)}::jsonb) as seen (address text, packets bigint) order by address
      on conflict on constraint radius_stranger_pkey do update
        set packets = known.packets + excluded.packets, last_at = greatest(known.last_at, excluded.last_at)`.execute(
    transaction,
  );
  // Whoever deletes the same rows at this moment has the locks: what is left over goes with the next report.
  await sql`
    delete from radius_stranger where address in (
      select address from radius_stranger order by last_at desc, address offset ${MAX_STRANGERS} for update skip locked
    )`.execute(transaction);
}

/** @returns the ids of those that this report has made strict: each only once, and only where an administrator said `auto`. */
async function learn(
  transaction: Transaction,
  clients: Report['clients'],
  { attemptId, actor, at }: { attemptId: string; actor: string; at: Date },
): Promise<string[]> {
  const signed = clients.filter(({ learnt }) => learnt === true).map(({ clientId }) => clientId);
  if (signed.length === 0) return [];
  const rows = await transaction
    .updateTable('radius_client')
    .set({ learnt_at: at })
    .where('client_id', 'in', signed)
    .where('learnt_at', 'is', null)
    .where(sql`settings ->> 'requireMessageAuthenticator'`, '=', 'auto')
    .returning(['client_id', 'name', 'application_id'])
    .execute();
  for (const { client_id: clientId, name, application_id: applicationId } of rows) {
    await recordAdministration(transaction, {
      type: 'radius-client.learnt',
      at: at.getTime(),
      // Several may learn at once, and each is an event of its own.
      attemptId: `${attemptId}/${clientId}`,
      actor,
      applicationId,
      detail: { clientId, name, requireMessageAuthenticator: 'yes' },
    });
  }
  return rows.map(({ client_id: clientId }) => clientId);
}
