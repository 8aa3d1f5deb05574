import { createHash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { MfaError, type OutputOf, type keysJwks } from '@countersign/contracts';
import {
  errors,
  exportJWK,
  generateKeyPair,
  importJWK,
  jwtVerify,
  SignJWT,
  type CryptoKey,
  type JWK,
  type JWTPayload,
} from 'jose';
import { sql, type Kysely } from 'kysely';
import type { Router } from '../database/router.ts';
import type { Schema } from '../database/schema.ts';
import type { KeyRing } from './ring.ts';

const REFRESH_MS = 3000;
/** A retired key stays published this much longer: far longer than any result lives. */
const PUBLISHED_AFTER_MS = 24 * 3_600_000;

interface SigningKey {
  kid: string;
  signsFrom: number;
  publishedUntil: number | undefined;
  publicJwk: JWK;
  publicKey: CryptoKey;
  privateKey: CryptoKey;
}

/** What a JWT of ours is for. Each kind is read as itself and as nothing else (RFC 8725 section 3.11). */
export type TokenKind = 'result' | 'first-factor' | 'access' | 'handover' | 'invitation';

/** When a token is good, and for whom. Times in seconds since the epoch. */
export interface TokenFrame {
  audience: string;
  subject: string;
  id: string;
  issuedAt: number;
  expiresAt: number;
}

/**
 * Signs JWTs, and reads what any replica of ours signed. The keys are kept in memory, so that logins go on while Postgres is away; a new
 * one is published before it signs, so that callers who fetch the key set now and then always know it.
 */
export class SigningKeys {
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

  /** @throws MfaError UNAVAILABLE before a key was read. */
  async sign(kind: TokenKind, frame: TokenFrame, claims: JWTPayload): Promise<string> {
    const key = this.#signing() ?? this.#keys[0];
    if (key === undefined) throw new MfaError('UNAVAILABLE', { retryAfterSeconds: 2, reason: 'no signing key' });
    return new SignJWT(claims)
      .setProtectedHeader({ alg: 'ES256', kid: key.kid, typ: typeOf(kind) })
      .setIssuer(this.#issuer)
      .setAudience(frame.audience)
      .setSubject(frame.subject)
      .setJti(frame.id)
      .setIssuedAt(frame.issuedAt)
      .setExpirationTime(frame.expiresAt)
      .sign(key.privateKey);
  }

  /** What a token of ours says; undefined when it is none, of another kind, for somebody else, altered or over. */
  async read(kind: TokenKind, token: string, audience: string): Promise<JWTPayload | undefined> {
    try {
      const { payload } = await jwtVerify(token, ({ kid }) => this.#publicKey(kid), {
        algorithms: ['ES256'],
        typ: typeOf(kind),
        issuer: this.#issuer,
        audience,
        currentDate: new Date(this.#now()),
        requiredClaims: ['sub', 'jti', 'iat', 'exp'],
      });
      return payload;
    } catch (error) {
      if (error instanceof errors.JOSEError) return undefined;
      throw error;
    }
  }

  #publicKey(kid: string | undefined): CryptoKey {
    const key = this.#published().find((known) => known.kid === kid);
    if (key === undefined) throw new errors.JWKSNoMatchingKey();
    return key.publicKey;
  }

  /** Every key that signs, will sign, or signed lately. */
  jwks(): OutputOf<typeof keysJwks> {
    return {
      keys: this.#published().map(({ publicJwk, kid }) => ({ ...publicJwk, kid, alg: 'ES256', use: 'sig' })),
    } as OutputOf<typeof keysJwks>;
  }

  /** What is published no more, callers do not believe, and neither do we: whoever got hold of a retired key signs nothing with it. */
  #published(): SigningKey[] {
    const now = this.#now();
    return this.#keys.filter(({ publishedUntil }) => publishedUntil === undefined || publishedUntil > now);
  }

  /** The one that is not retired, once it has begun: one that was to begin later, and was replaced before, never signs after it. */
  #signing(): SigningKey | undefined {
    const now = this.#now();
    const begun = this.#published().filter(({ signsFrom }) => signsFrom <= now);
    return begun.find(({ publishedUntil }) => publishedUntil === undefined) ?? begun.at(-1);
  }

  /** When the key that signs now began to, ms since the epoch; for the doctor. */
  signsSince(): number | undefined {
    return this.#signing()?.signsFrom;
  }

  async refresh(from?: 'primary'): Promise<void> {
    const rows = await this.#router.read(
      (db) => db.selectFrom('signing_key').selectAll().orderBy('signs_from').orderBy('kid').execute(),
      from === undefined ? {} : { from },
    );
    const known = new Map(this.#keys.map((key) => [key.kid, key]));
    this.#keys = await Promise.all(
      rows.map(async (row) => ({
        kid: row.kid,
        signsFrom: row.signs_from.getTime(),
        publishedUntil: row.published_until?.getTime(),
        publicJwk: row.public_jwk as JWK,
        publicKey: known.get(row.kid)?.publicKey ?? (await importKey(row.public_jwk as JWK)),
        privateKey: known.get(row.kid)?.privateKey ?? (await openKey(this.#ring, row.kid, row.private_sealed)),
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

function typeOf(kind: TokenKind): string {
  return `countersign-${kind}+jwt`;
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
  return importKey(jwk);
}

async function importKey(jwk: JWK): Promise<CryptoKey> {
  return (await importJWK(jwk, 'ES256')) as CryptoKey;
}
