import type { InputOf, OutputOf, radiusPosture, RadiusSighting } from '@countersign/contracts';
import type { Kysely } from 'kysely';
import type { Router } from '../database/router.ts';
import type { Schema } from '../database/schema.ts';
import { effectiveSettings } from '../radius-client/effective.ts';
import { viewClient, type RadiusClientRow } from '../radius-client/store.ts';
import { adviceFor, ageDays, type Seen } from './advice.ts';

type Posture = OutputOf<typeof radiusPosture>;

/** What retransmissions were before says little of today's product. */
const RETRANSMISSIONS_OF_DAYS = 14;
const DAY_MS = 86_400_000;
const MAX_STRANGERS = 100;

/** How safe each client is, in the order of their names, and who asked last without being one. @throws MfaError UNAVAILABLE. */
export async function posture(
  deps: { router: Router; now: () => number },
  _input: InputOf<typeof radiusPosture>,
): Promise<Posture> {
  const now = deps.now();
  const { rows, seenOf, strangers } = await deps.router.read((db) => readAll(db, now), { lane: 'report' });
  return {
    clients: rows.map((row) => ofClient(row, seenOf(row.client_id), now)),
    strangers: strangers.map(({ address, packets, first_at: firstAt, last_at: lastAt }) => ({
      address,
      packets: Number(packets),
      firstSeenAt: firstAt.toISOString(),
      lastSeenAt: lastAt.toISOString(),
    })),
  };
}

function ofClient(row: RadiusClientRow, seen: Seen, now: number): Posture['clients'][number] {
  const client = viewClient(row);
  const { settings, learntAt } = client;
  const { requireMessageAuthenticator, waitSeconds } = effectiveSettings(settings, learntAt !== undefined);
  const sightings = Object.entries(seen.sightings);
  const first = Math.min(...sightings.map(([, { firstAt }]) => firstAt));
  const last = Math.max(...sightings.map(([, { lastAt }]) => lastAt));
  return {
    clientId: client.clientId,
    name: client.name,
    profile: settings.profile,
    requireMessageAuthenticator,
    ...(learntAt !== undefined && { learntAt }),
    secretAgeDays: ageDays(client.secretAt, now),
    waitSeconds,
    ...(sightings.length > 0 && {
      firstSeenAt: new Date(first).toISOString(),
      lastSeenAt: new Date(last).toISOString(),
    }),
    counts: Object.fromEntries(sightings.map(([name, { packets }]) => [name, packets])),
    ...(seen.retransmittedAfterMs !== undefined && { retransmittedAfterMs: [...seen.retransmittedAfterMs] }),
    ...(seen.mostTries !== undefined && { mostTries: seen.mostTries }),
    advice: adviceFor(client, seen, now),
  };
}

async function readAll(db: Kysely<Schema>, now: number) {
  const since = Math.floor(now / DAY_MS) - RETRANSMISSIONS_OF_DAYS;
  const [rows, sightings, retransmissions, strangers] = await Promise.all([
    db.selectFrom('radius_client').selectAll().orderBy('name').execute(),
    db.selectFrom('radius_sighting').selectAll().orderBy('sighting').execute(),
    db
      .selectFrom('radius_retransmission')
      .select((of) => [
        'client_id',
        of.fn.min('least_ms').as('least_ms'),
        of.fn.max('most_ms').as('most_ms'),
        of.fn.max('tries').as('tries'),
      ])
      .where('day', '>', since)
      .groupBy('client_id')
      .execute(),
    db.selectFrom('radius_stranger').selectAll().orderBy('last_at', 'desc').limit(MAX_STRANGERS).execute(),
  ]);
  const byClient = Map.groupBy(sightings, (row) => row.client_id);
  const times = new Map(retransmissions.map((row) => [row.client_id, row]));
  const seenOf = (clientId: string): Seen => {
    const {
      least_ms: least,
      most_ms: most,
      tries,
    } = times.get(clientId) ?? { least_ms: null, most_ms: null, tries: null };
    return {
      sightings: Object.fromEntries(
        (byClient.get(clientId) ?? []).map((row) => [
          row.sighting as RadiusSighting,
          { packets: Number(row.packets), firstAt: row.first_at.getTime(), lastAt: row.last_at.getTime() },
        ]),
      ),
      ...(least !== null && most !== null && { retransmittedAfterMs: [least, most] as const }),
      ...(tries !== null && { mostTries: tries }),
    };
  };
  return { rows, seenOf, strangers };
}
