import { createHash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { MfaError, type Method, type OutputOf, type keysJwks, type Policy } from '@countersign/contracts';
import { exportJWK, generateKeyPair, importJWK, SignJWT, type CryptoKey, type JWK } from 'jose';
import { sql, type Kysely } from 'kysely';
import type { Application } from '../application/authorise.ts';
import type { Router } from '../database/router.ts';
import type { Schema } from '../database/schema.ts';
import type { LoginUser } from '../user/store.ts';
import type { KeyRing } from './ring.ts';

const REFRESH_MS = 3000;
/** A retired key stays published this much longer: far longer than any result lives. */
const PUBLISHED_AFTER_MS = 24 * 3_600_000;

/** RFC 8176 section 2. A one-time bypass is no authentication, and says so by naming no method. */
const AMR: Record<Method | 'bypass', string[]> = { totp: ['otp'], sms: ['sms', 'otp'], bypass: [] };

interface SigningKey {
  kid: string;
  signsFrom: number;
  publishedUntil: number | undefined;
  publicJwk: JWK;
  privateKey: CryptoKey;
}

/** What a signed result says. */
export interface ResultFacts {
  user: LoginUser;
  application: Application;
  challengeId: string;
  method: Method | 'bypass';
  /** When the user answered, ms since the epoch. */
  at: number;
  policy: Policy;
}

/**
 * Signs approvals. The keys are kept in memory, so that logins go on while Postgres is away; a new one is published before it
 * signs, so that callers who fetch the key set now and then always know it.
 */
export class ResultSigner {
  readonly #router: Router;
  readonly #ring: KeyRing;
  readonly #issuer: string;
  readonly #now: () => number;
  readonly #onProblem: (error: unknown) => void;
  #keys: SigningKey[] = [];
  #stopped = false;

  constructor(options: {
    router: Router;
    ring: KeyRing;
    issuer: string;
    now: () => number;
    onProblem: (error: unknown) => void;
  }) {
    this.#router = options.router;
    this.#ring = options.ring;
    this.#issuer = options.issuer;
    this.#now = options.now;
    this.#onProblem = options.onProblem;
  }

  /** Reads the keys, making the first one if there is none. */
  async start(): Promise<void> {
    await this.refresh();
    if (this.#keys.length === 0) {
      await this.#router.write((db) => addFirstKey(db, this.#ring, this.#now()));
      await this.refresh('primary');
    }
    void this.#keepReading();
  }

  stop(): void {
    this.#stopped = true;
  }

  /** A JWT that proves one approval, to one application, for a short time. */
  async sign({ user, application, challengeId, method, at, policy }: ResultFacts): Promise<string> {
    const now = this.#now();
    const key = this.#keys.findLast(({ signsFrom }) => signsFrom <= now) ?? this.#keys[0];
    if (key === undefined) throw new MfaError('UNAVAILABLE', { retryAfterSeconds: 2, reason: 'no signing key' });
    // From the approval on, not from now: whoever asks again for the same approval gets no more time (INV-6).
    const issuedAt = Math.floor(at / 1000);
    if (now >= (issuedAt + policy.result.lifeSeconds) * 1000) throw new MfaError('CHALLENGE_CLOSED');
    return new SignJWT({
      username: user.username,
      application: application.name,
      challenge: challengeId,
      amr: AMR[method],
      auth_time: Math.floor(at / 1000),
    })
      .setProtectedHeader({ alg: 'ES256', kid: key.kid, typ: 'countersign-result+jwt' })
      .setIssuer(this.#issuer)
      .setAudience(application.applicationId)
      .setSubject(user.userId)
      .setJti(challengeId)
      .setIssuedAt(issuedAt)
      .setExpirationTime(issuedAt + policy.result.lifeSeconds)
      .sign(key.privateKey);
  }

  /** Every key that signs, will sign, or signed lately. */
  jwks(): OutputOf<typeof keysJwks> {
    const now = this.#now();
    const published = this.#keys.filter(({ publishedUntil }) => publishedUntil === undefined || publishedUntil > now);
    return {
      keys: published.map(({ publicJwk, kid }) => ({ ...publicJwk, kid, alg: 'ES256', use: 'sig' })),
    } as OutputOf<typeof keysJwks>;
  }

  /** When the key that signs now began to, ms since the epoch; for the doctor. */
  signsSince(): number | undefined {
    return this.#keys.findLast(({ signsFrom }) => signsFrom <= this.#now())?.signsFrom;
  }

  async refresh(from?: 'primary'): Promise<void> {
    const rows = await this.#router.read(
      (db) => db.selectFrom('signing_key').selectAll().orderBy('signs_from').orderBy('kid').execute(),
      from === undefined ? {} : { from },
    );
    const known = new Map(this.#keys.map((key) => [key.kid, key.privateKey]));
    this.#keys = await Promise.all(
      rows.map(async (row) => ({
        kid: row.kid,
        signsFrom: row.signs_from.getTime(),
        publishedUntil: row.published_until?.getTime(),
        publicJwk: row.public_jwk as JWK,
        privateKey: known.get(row.kid) ?? (await openKey(this.#ring, row.kid, row.private_sealed)),
      })),
    );
  }

  async #keepReading(): Promise<void> {
    while (!this.#stopped) {
      await sleep(REFRESH_MS, undefined, { ref: false });
      if (!this.#stopped) await this.refresh().catch(this.#onProblem);
    }
  }
}

/** Where the sealed private key stands. */
export function signingKeyAt(kid: string): string {
  return `signing_key/private_sealed/${kid}`;
}

/**
 * Adds a key that signs from `signsFrom` on, and lets the others go once nothing they signed can be valid any more.
 * @returns its id.
 */
export async function addSigningKey(
  db: Kysely<Schema>,
  ring: KeyRing,
  now: number,
  signsFrom: number,
): Promise<string> {
  const { privateKey, publicKey } = await generateKeyPair('ES256', { extractable: true });
  const publicJwk = await exportJWK(publicKey);
  const kid = createHash('sha256').update(JSON.stringify(publicJwk)).digest('base64url').slice(0, 16);
  const sealed = ring.seal(Buffer.from(JSON.stringify(await exportJWK(privateKey))), signingKeyAt(kid));
  await db
    .updateTable('signing_key')
    .set({ published_until: new Date(signsFrom + PUBLISHED_AFTER_MS) })
    .where('published_until', 'is', null)
    .execute();
  await db
    .insertInto('signing_key')
    .values({
      kid,
      private_sealed: sealed,
      public_jwk: JSON.stringify(publicJwk),
      created_at: new Date(now),
      signs_from: new Date(signsFrom),
      published_until: null,
    })
    .execute();
  return kid;
}

async function addFirstKey(db: Kysely<Schema>, ring: KeyRing, now: number): Promise<void> {
  await db.transaction().execute(async (transaction) => {
    // Replicas that start together make one key, not several.
    await sql`lock table signing_key in share row exclusive mode`.execute(transaction);
    const before = await transaction.selectFrom('signing_key').select('kid').executeTakeFirst();
    if (before === undefined) await addSigningKey(transaction, ring, now, now);
  });
}

async function openKey(ring: KeyRing, kid: string, sealed: string): Promise<CryptoKey> {
  const jwk = JSON.parse(Buffer.from(ring.open(sealed, signingKeyAt(kid))).toString('utf8')) as JWK;
  return (await importJWK(jwk, 'ES256')) as CryptoKey;
}
