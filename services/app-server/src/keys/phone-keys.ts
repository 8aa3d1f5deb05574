import { createPrivateKey, sign as signWith } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { MfaError } from '@countersign/contracts';
import {
  importPublicKey,
  KeySet,
  parsePublicKey,
  signKeySet,
  thumbprintOf,
  type PublicKeyJwk,
} from '@countersign/device-protocol';
import { exportJWK, generateKeyPair, type JWK } from 'jose';
import { sql, type Kysely } from 'kysely';
import { Value } from 'typebox/value';
import type { Router } from '../database/router.ts';
import type { Schema } from '../database/schema.ts';
import type { KeyRing } from './ring.ts';

const REFRESH_MS = 3000;
/** Of those that a phone missed, in one answer; it asks again for more. */
const SETS_AT_ONCE = 8;

/** What signs for phones: on this thread, since to hand so short a task to another and to wait for it costs more than the task. */
export interface PhoneSigningKey {
  sign: (text: Uint8Array) => Uint8Array<ArrayBuffer>;
  /** Its thumbprint. */
  keyId: string;
}

interface Generation {
  keySet: KeySet;
  /** Undefined of the first. */
  statement: string | undefined;
  signing: PhoneSigningKey;
}

/**
 * The keys that phones trust, and with which we sign what we tell them (DEV-25). Each set is signed by a key of the one before, and holds
 * that key as well: so a replica that has not yet heard of the newest is still believed.
 */
export class PhoneKeys {
  readonly #router: Router;
  readonly #ring: KeyRing;
  readonly #now: () => number;
  readonly #onProblem: (error: unknown) => void;
  /** Oldest first; the version is the place, from 1. */
  #generations: Generation[] = [];
  #catchingUp: Promise<void> | undefined;
  #stopped = false;

  constructor(options: { router: Router; ring: KeyRing; now: () => number; onProblem: (error: unknown) => void }) {
    this.#router = options.router;
    this.#ring = options.ring;
    this.#now = options.now;
    this.#onProblem = options.onProblem;
  }

  /** Reads the keys, making the first one if there is none. */
  async start(): Promise<void> {
    await this.refresh();
    if (this.#generations.length === 0) {
      await this.#router.write((db) => addFirstSet(db, this.#ring, this.#now()));
      await this.refresh('primary');
    }
    void this.#keepReading();
  }

  stop(): void {
    this.#stopped = true;
  }

  /** @throws MfaError UNAVAILABLE before a key was read. */
  current(): { keySet: KeySet; signing: PhoneSigningKey } {
    const newest = this.#generations.at(-1);
    if (newest === undefined) throw new MfaError('UNAVAILABLE', { retryAfterSeconds: 2, reason: 'no key for phones' });
    return newest;
  }

  /** The newest and the one before: a QR code that is still good pins one of the two. */
  recent(): readonly { keySet: KeySet; signing: PhoneSigningKey }[] {
    return this.#generations.slice(-2);
  }

  /** Of every set, oldest first. */
  all(): readonly { keySet: KeySet; signing: Pick<PhoneSigningKey, 'keyId'> }[] {
    return this.#generations;
  }

  /** The signed sets after a version, in order. */
  after(version: number): string[] {
    const missed = this.#generations.slice(version, version + SETS_AT_ONCE);
    return missed.flatMap(({ statement }) => (statement === undefined ? [] : [statement]));
  }

  /**
   * For a phone that trusts a set which this replica has not heard of: after two changes in a row it trusts none of our keys any more. Where
   * the set cannot be read, or is none, nothing changes. Phones that say anything cause one read at a time.
   */
  async catchUpWith(version: number): Promise<void> {
    if (version <= this.#generations.length) return;
    this.#catchingUp ??= this.refresh('primary')
      .catch(this.#onProblem)
      .finally(() => (this.#catchingUp = undefined));
    await this.#catchingUp;
  }

  async refresh(from?: 'primary'): Promise<void> {
    const known = this.#generations.length;
    const rows = await this.#router.read(
      (db) => db.selectFrom('phone_key_set').selectAll().where('version', '>', known).orderBy('version').execute(),
      from === undefined ? {} : { from },
    );
    for (const row of rows) {
      // Two refreshes at once read the same rows.
      if (row.version !== this.#generations.length + 1) continue;
      const keySet: unknown = { v: 1, version: row.version, at: row.created_at.getTime(), keys: row.keys };
      if (!Value.Check(KeySet, keySet)) throw new Error(`the set of keys ${row.version} for phones is none`);
      const signing = await openKey(this.#ring, row.version, row.private_sealed, keySet);
      if (row.version !== this.#generations.length + 1) continue;
      this.#generations.push({ keySet, statement: row.statement ?? undefined, signing });
    }
  }

  async #keepReading(): Promise<void> {
    while (!this.#stopped) {
      await sleep(REFRESH_MS, undefined, { ref: false });
      if (!this.#stopped) await this.refresh().catch(this.#onProblem);
    }
  }
}

/** Where the sealed private key stands. */
export function phoneKeyAt(version: string): string {
  return `phone_key_set/private_sealed/${version}`;
}

/** A new key, announced by the one before. @returns the version of the set that it begins. */
export async function addPhoneKeySet(db: Kysely<Schema>, ring: KeyRing, now: number): Promise<number> {
  await sql`lock table phone_key_set in share row exclusive mode`.execute(db);
  const row = await db.selectFrom('phone_key_set').selectAll().orderBy('version', 'desc').limit(1).executeTakeFirst();
  if (row === undefined) throw new Error('there is no set of keys for phones to go on from');
  const [before] = row.keys as PublicKeyJwk[];
  if (before === undefined) throw new Error('a set of keys for phones is empty');
  const { publicKey, privateJwk } = await newKey();
  const keySet: KeySet = { v: 1, version: row.version + 1, at: now, keys: [publicKey, before] };
  const signing = await openKey(ring, row.version, row.private_sealed, { keys: [before] });
  await insertSet(db, ring, keySet, privateJwk, await signKeySet(keySet, signing));
  return keySet.version;
}

async function addFirstSet(db: Kysely<Schema>, ring: KeyRing, now: number): Promise<void> {
  await db.transaction().execute(async (transaction) => {
    // Replicas that start together make one, not several.
    await sql`lock table phone_key_set in share row exclusive mode`.execute(transaction);
    const there = await transaction.selectFrom('phone_key_set').select('version').executeTakeFirst();
    if (there !== undefined) return;
    const { publicKey, privateJwk } = await newKey();
    await insertSet(transaction, ring, { v: 1, version: 1, at: now, keys: [publicKey] }, privateJwk, null);
  });
}

async function insertSet(
  db: Kysely<Schema>,
  ring: KeyRing,
  { version, keys, at }: KeySet,
  privateJwk: JWK,
  statement: string | null,
): Promise<void> {
  await db
    .insertInto('phone_key_set')
    .values({
      version,
      statement,
      keys: JSON.stringify(keys),
      private_sealed: ring.seal(Buffer.from(JSON.stringify(privateJwk)), phoneKeyAt(String(version))),
      created_at: new Date(at),
    })
    .execute();
}

async function newKey(): Promise<{ publicKey: PublicKeyJwk; privateJwk: JWK }> {
  const pair = await generateKeyPair('ES256', { extractable: true });
  const publicKey = parsePublicKey(await exportJWK(pair.publicKey));
  if (publicKey === undefined) throw new Error('a new key is not P-256');
  return { publicKey, privateJwk: await exportJWK(pair.privateKey) };
}

async function openKey(
  ring: KeyRing,
  version: number,
  sealed: string,
  { keys: [publicKey] }: Pick<KeySet, 'keys'>,
): Promise<PhoneSigningKey> {
  if (publicKey === undefined || (await importPublicKey(publicKey)) === undefined) {
    throw new Error(`the key ${version} for phones is none`);
  }
  const jwk = JSON.parse(ring.open(sealed, phoneKeyAt(String(version))).toString('utf8')) as JWK;
  const key = createPrivateKey({ key: jwk, format: 'jwk' });
  const sign = (text: Uint8Array) => new Uint8Array(signWith('sha256', text, { key, dsaEncoding: 'ieee-p1363' }));
  return { sign, keyId: await thumbprintOf(publicKey) };
}
