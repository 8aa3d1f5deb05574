import type { TotpParameters } from '@countersign/otp';
import type { Router } from '../database/router.ts';
import type { DirectoryStatus } from '../directory/status.ts';
import type { KeyRing } from '../keys/ring.ts';
import { findLogin, getLogin, type LoginAuthenticator, type LoginUser } from './store.ts';

/** Users whose logins go on while no Postgres node answers. */
const REMEMBERED = 20_000;
/** How old such a memory may be. What must take effect at once is in the ledger, so its age costs only new enrolments. */
export const REMEMBERED_MS = 15 * 60_000;

/** Where the sealed secret of an authenticator stands: it opens nowhere else (KEY-02). */
export function sealedAt({ authenticatorId, type }: Pick<LoginAuthenticator, 'authenticatorId' | 'type'>): string {
  return `authenticator/${type === 'totp' ? 'secret' : 'phone'}_sealed/${authenticatorId}`;
}

/**
 * What an authenticator shares with us: the bytes of a TOTP secret, or those of a phone number.
 * @throws SealBroken when the row was changed or the key is missing; Error of an app.
 */
export function openShared(ring: Pick<KeyRing, 'open'>, authenticator: LoginAuthenticator): Buffer {
  const { sealed, type } = authenticator;
  if (sealed === undefined) throw new Error(`an authenticator of type ${type} shares no secret with us`);
  return ring.open(sealed, sealedAt(authenticator));
}

/** Reads users for logins: from any Postgres node, and from memory for some minutes while none answers. */
export class LoginUsers {
  readonly #router: Router;
  readonly #ring: KeyRing;
  readonly #now: () => number;
  readonly #directories: Pick<DirectoryStatus, 'isKeptOut'> | undefined;
  /** By id; a Map keeps the order of insertion, so the first is the one seen longest ago. */
  readonly #seen = new Map<string, { user: LoginUser; at: number }>();
  readonly #idOfName = new Map<string, string>();

  constructor(router: Router, ring: KeyRing, now: () => number, directories?: Pick<DirectoryStatus, 'isKeptOut'>) {
    this.#router = router;
    this.#ring = ring;
    this.#now = now;
    this.#directories = directories;
  }

  /** @throws MfaError UNAVAILABLE when no node answers and the user was not seen lately. */
  async byName(canonical: string): Promise<LoginUser | undefined> {
    return this.#asOfDirectory(await this.byNameHere(canonical));
  }

  /**
   * As they stand here, whatever their directory says: for whoever asks it anyway, and once (R21).
   * @throws MfaError UNAVAILABLE when no node answers and the user was not seen lately.
   */
  async byNameHere(canonical: string): Promise<LoginUser | undefined> {
    const user = await this.#readOr(
      () => findLogin(this.#router, canonical),
      () => this.#idOfName.get(canonical),
    );
    if (user === undefined) this.#idOfName.delete(canonical);
    else bounded(this.#idOfName, canonical, user.userId);
    return user;
  }

  /**
   * Of a challenge that is open: it is read although logins that begin fill the connections (R26).
   * @throws MfaError UNAVAILABLE when no node answers and the user was not seen lately.
   */
  async byId(userId: string): Promise<LoginUser | undefined> {
    return this.#asOfDirectory(
      await this.#readOr(
        () => getLogin(this.#router, userId, { lane: 'verify' }),
        () => userId,
      ),
    );
  }

  /** Whom their directory keeps out is disabled here as well, at every stage (R17). */
  async #asOfDirectory(user: LoginUser | undefined): Promise<LoginUser | undefined> {
    if (user?.link === undefined || this.#directories === undefined || user.status === 'disabled') return user;
    return (await this.#directories.isKeptOut(user.link)) ? { ...user, status: 'disabled' } : user;
  }

  /** E.164. @throws SealBroken when the row was changed or the key is missing. */
  phoneNumber(authenticator: LoginAuthenticator): string {
    return openShared(this.#ring, authenticator).toString('utf8');
  }

  /** @throws SealBroken when the row was changed or the key is missing. */
  totpParameters(authenticator: LoginAuthenticator): TotpParameters {
    const { algorithm, digits, periodSeconds } = authenticator;
    return { secret: openShared(this.#ring, authenticator), algorithm, digits, periodSeconds };
  }

  async #readOr(
    read: () => Promise<LoginUser | undefined>,
    idSeen: () => string | undefined,
  ): Promise<LoginUser | undefined> {
    try {
      const user = await read();
      if (user !== undefined) bounded(this.#seen, user.userId, { user, at: this.#now() });
      return user;
    } catch (unanswered) {
      const seen = this.#seen.get(idSeen() ?? '');
      if (seen === undefined || this.#now() - seen.at > REMEMBERED_MS) throw unanswered;
      return seen.user;
    }
  }
}

export function bounded<V>(map: Map<string, V>, key: string, value: V, most = REMEMBERED): void {
  map.delete(key);
  map.set(key, value);
  if (map.size <= most) return;
  const [oldest] = map.keys();
  if (oldest !== undefined) map.delete(oldest);
}
