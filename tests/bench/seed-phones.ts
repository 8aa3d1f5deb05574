import { createECDH, createHash, randomBytes } from 'node:crypto';
import { jetstream } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/transport-node';
import { uuidFrom } from '@countersign/contracts';
import { parsePublicKey, thumbprintOf, type PublicKeyJwk } from '@countersign/device-protocol';
import pg from 'pg';
import type { DatedEvent } from '../../services/app-server/src/challenge/events.ts';
import { evolve } from '../../services/app-server/src/challenge/evolve.ts';
import { INITIAL_STATE } from '../../services/app-server/src/challenge/state.ts';
import { UNDIVIDED } from '../../services/app-server/src/ledger/partition.ts';
import { encodeRecord } from '../../services/app-server/src/ledger/record.ts';
import { RELEASE } from '../../services/app-server/src/release/release.ts';
import { seededUser } from './seed.ts';

const BATCH = 2000;
const PUBLISHED_AT_ONCE = 200;
const COORDINATE_BYTES = 32;
const LIFE_MS = 600_000;

/** The key of the n-th phone of a bench, the same every time and in every process. */
export function seededKey(number: number): { d: string; publicKey: PublicKeyJwk } {
  const secret = createHash('sha256').update(`bench/phone/${number}`).digest();
  const curve = createECDH('prime256v1');
  curve.setPrivateKey(secret);
  // Uncompressed: a byte that says so, then x and y.
  const point = curve.getPublicKey();
  const publicKey = parsePublicKey({
    kty: 'EC',
    crv: 'P-256',
    x: point.subarray(1, 1 + COORDINATE_BYTES).toString('base64url'),
    y: point.subarray(1 + COORDINATE_BYTES).toString('base64url'),
  });
  if (publicKey === undefined) throw new Error(`phone ${number} has no key`);
  return { d: secret.toString('base64url'), publicKey };
}

/** Gives each of the seeded users a phone, past the API: rows, and in the ledger what its activation left there. */
export async function seedPhones(
  { url, nats, applicationId }: { url: string; nats: NatsConnection; applicationId: string },
  count: number,
): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    for (let from = 0; from < count; from += BATCH) {
      const numbers = Array.from({ length: Math.min(BATCH, count - from) }, (_, index) => from + index);
      const deviceIds = numbers.map(() => uuidFrom(randomBytes(16)));
      await insert(client, numbers, deviceIds);
      await record(nats, numbers, (index) => approved('enrol', deviceIds[index] ?? '', applicationId));
    }
    await client.query('analyze authenticator, device');
  } finally {
    await client.end();
  }
}

async function insert(client: pg.Client, numbers: readonly number[], deviceIds: readonly string[]): Promise<void> {
  const keys = numbers.map((number) => seededKey(number).publicKey);
  await client.query(
    `insert into authenticator (authenticator_id, user_id, type, label, state, created_at, confirmed_at)
     select id, user_id, 'app', 'bench', 'active', now(), now() from unnest($1::uuid[], $2::uuid[]) as t(id, user_id)`,
    [deviceIds, numbers.map((number) => seededUser(number).userId)],
  );
  await client.query(
    `insert into device (device_id, public_key, key_thumbprint, key_protection)
     select id, key::jsonb, thumbprint, 'software' from unnest($1::uuid[], $2::text[], $3::text[]) as t(id, key, thumbprint)`,
    [deviceIds, keys.map((key) => JSON.stringify(key)), await Promise.all(keys.map(thumbprintOf))],
  );
}

/** Lets seeded users have logged in before, as far as the ledger knows: whoever has not costs one more look into Postgres. */
export async function seedLogins(
  { nats, applicationId }: { nats: NatsConnection; applicationId: string },
  from: number,
  to: number,
): Promise<void> {
  const numbers = Array.from({ length: to - from }, (_, index) => from + index);
  await record(nats, numbers, () => approved('login', uuidFrom(randomBytes(16)), applicationId));
}

async function record(
  nats: NatsConnection,
  numbers: readonly number[],
  recordOf: (index: number) => Uint8Array,
): Promise<void> {
  const client = jetstream(nats);
  for (let from = 0; from < numbers.length; from += PUBLISHED_AT_ONCE) {
    await Promise.all(
      numbers.slice(from, from + PUBLISHED_AT_ONCE).map((number, index) => {
        const subject = `${UNDIVIDED.prefix}${seededUser(number).userId}`;
        return client.publish(subject, recordOf(from + index), { expect: { lastSubjectSequence: 0 } });
      }),
    );
  }
}

function approved(purpose: 'enrol' | 'login', authenticatorId: string, applicationId: string): Uint8Array {
  const [key, attemptId] = [randomBytes(16).toString('base64url'), randomBytes(16).toString('base64url')];
  const at = Date.now();
  const challenge = {
    key,
    applicationId,
    purpose,
    method: 'app',
    authenticatorId,
    digits: 0,
    sends: 0,
    sentAt: at,
    createdAt: at,
    expiresAt: at + LIFE_MS,
  } as const;
  const started = evolve(INITIAL_STATE, { type: 'challenge.started', at, challenge });
  const event: DatedEvent = {
    type: 'challenge.approved',
    at,
    key,
    applicationId,
    purpose,
    method: 'app',
    authenticatorId,
    attemptId,
  };
  return encodeRecord(
    { attemptId, event, state: evolve(started, event), floorAt: 0, before: [], replica: 'bench' },
    { number: RELEASE, hear: () => undefined },
  );
}
