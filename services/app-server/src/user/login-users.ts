import { MfaError } from '@countersign/contracts';
import { base32Decode, type TotpParameters } from '@countersign/otp';
import type { Router } from '../database/router.ts';
import type { KeyRing } from '../keys/ring.ts';
import { findLogin, getLogin, type LoginAuthenticator, type LoginUser } from './store.ts';

/** Users whose logins go on while no Postgres node answers. */
const REMEMBERED = 20_000;
/** How old such a memory may be. What must take effect at once is in the ledger, so age costs only new enrolments. */
const REMEMBERED_MS = 15 * 60_000;

/** Reads users for a login: from any Postgres node, and from memory for some minutes while none answers. */
export interface LoginUsers {
  byName(canonicalName: string): Promise<LoginUser | undefined>;
  byId(userId: string): Promise<LoginUser | undefined>;
  /** E.164. @throws when the key ring cannot open it. */
  phoneNumber(authenticator: LoginAuthenticator): string;
  totpParameters(authenticator: LoginAuthenticator): TotpParameters;
}
