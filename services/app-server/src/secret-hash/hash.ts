import { timingSafeEqual } from 'node:crypto';
import type { KeyRing } from '../keys/ring.ts';
import type { Argon2, Place } from './argon2.ts';
import { formatPhc, parsePhc, type Phc } from './phc.ts';

/** The floor of KEY-20. Raise it, and each PIN follows when it is right the next time. */
const NOW = { memoryKib: 19_456, passes: 2, parallelism: 1 };
const SALT_BYTES = 16;
const TAG_BYTES = 32;

export interface HeldAgainst {
  isRight: boolean;
  /** Made with less than is asked for now. */
  isOutdated: boolean;
}

/**
 * Secrets that people choose, as they are kept: a PHC string of Argon2id whose last field is not the tag but its HMAC, under a key that is
 * derived from the key ring and bound to whose it is (KEY-20). So a copy of the database alone can be guessed at by nobody, and a row is worth
 * nothing beside another owner; eight digits, or the name of a street, would be found in an hour otherwise, however slow the hash.
 */
export class SecretHasher {
  readonly #kind: string;
  readonly #ring: Pick<KeyRing, 'mac'>;
  readonly #argon2: Argon2;
  readonly #randomBytes: (size: number) => Buffer;

  /** @param kind of secret: the same one, of another kind, is kept as something else. */
  constructor(
    kind: 'pin-hash' | 'security-answer',
    {
      ring,
      argon2,
      randomBytes,
    }: { ring: Pick<KeyRing, 'mac'>; argon2: Argon2; randomBytes: (size: number) => Buffer },
  ) {
    this.#kind = kind;
    this.#ring = ring;
    this.#argon2 = argon2;
    this.#randomBytes = randomBytes;
  }

  /** @throws MfaError UNAVAILABLE when too many are at it. */
  enter(purpose: 'login' | 'change' = 'login'): Place {
    return this.#argon2.enter(purpose);
  }

  async hash(place: Place, owner: string, secret: string): Promise<string> {
    const salt = this.#randomBytes(SALT_BYTES);
    return formatPhc({ ...NOW, salt, hash: await this.#derive(place, owner, secret, { ...NOW, salt }) });
  }

  /**
   * The same work whether or not there is anything to hold it against (R21).
   * @param stored undefined for somebody who has none, or who does not exist.
   */
  async check(place: Place, owner: string, secret: string, stored: string | undefined): Promise<HeldAgainst> {
    const against = stored === undefined ? nobodys : parsePhc(stored);
    const derived = await this.#derive(place, owner, secret, against);
    const isSame = derived.length === against.hash.length && timingSafeEqual(derived, against.hash);
    const { memoryKib, passes, parallelism } = against;
    const isOutdated = memoryKib < NOW.memoryKib || passes < NOW.passes || parallelism < NOW.parallelism;
    return { isRight: stored !== undefined && isSame, isOutdated };
  }

  async #derive(
    place: Place,
    owner: string,
    secret: string,
    { memoryKib, passes, parallelism, salt }: Omit<Phc, 'hash'>,
  ): Promise<Buffer> {
    const tag = await place.derive({
      message: Buffer.from(secret, 'utf8'),
      nonce: salt,
      memory: memoryKib,
      passes,
      parallelism,
      tagLength: TAG_BYTES,
    });
    return this.#ring.mac(this.#kind, owner, tag);
  }
}

const nobodys: Phc = { ...NOW, salt: Buffer.alloc(SALT_BYTES), hash: Buffer.alloc(TAG_BYTES) };
