import type { Lane } from '../database/node.ts';
import type { Router } from '../database/router.ts';
import { bounded, REMEMBERED_MS } from '../user/login-users.ts';
import type { LoginPasskey } from './assertion.ts';
import { readActive, readByCredential } from './store.ts';

/** Reads passkeys for logins: from any Postgres node, and from memory for some minutes while none answers. */
export class LoginPasskeys {
  readonly #router: Router;
  readonly #now: () => number;
  /** By user. */
  readonly #seen = new Map<string, { passkeys: LoginPasskey[]; at: number }>();
  readonly #ownerOf = new Map<string, string>();

  constructor(router: Router, now: () => number) {
    this.#router = router;
    this.#now = now;
  }

  /**
   * @param options.exists whether there is such a user, as far as is known: of made-up names nothing is remembered.
   * @param options.lane `verify` for a challenge that is open: it is read although logins that begin fill the connections (R26).
   * @throws MfaError UNAVAILABLE when no node answers and the user was not seen lately.
   */
  async of(
    userId: string,
    { exists = true, ...options }: { exists?: boolean; lane?: Lane } = {},
  ): Promise<LoginPasskey[]> {
    try {
      const passkeys = await readActive(this.#router, userId, options);
      // None is worth as much as some: who has another method goes on by that while no node answers.
      if (exists) bounded(this.#seen, userId, { passkeys, at: this.#now() });
      return passkeys;
    } catch (unanswered) {
      const seen = this.#seen.get(userId);
      if (seen === undefined || this.#now() - seen.at > REMEMBERED_MS) throw unanswered;
      return seen.passkeys;
    }
  }

  /** Whose it is, when nobody has said who they are. @throws MfaError UNAVAILABLE, as `of`. */
  async byCredential(credentialId: Buffer): Promise<LoginPasskey | undefined> {
    const text = credentialId.toString('base64url');
    const isIt = (passkey: LoginPasskey) => passkey.credentialId.equals(credentialId);
    try {
      const passkey = await readByCredential(this.#router, credentialId);
      if (passkey === undefined) this.#ownerOf.delete(text);
      else bounded(this.#ownerOf, text, passkey.userId);
      return passkey;
    } catch (unanswered) {
      const userId = this.#ownerOf.get(text);
      if (userId === undefined) throw unanswered;
      return (await this.of(userId)).find(isIt);
    }
  }
}
