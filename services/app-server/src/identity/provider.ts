import { MfaError } from '@countersign/contracts';
import { createRemoteJWKSet, customFetch, errors, jwtVerify, type JWTPayload, type JWTVerifyGetKey } from 'jose';
import { Agent, fetch as undiciFetch } from 'undici';

export interface IdentityProviderOptions {
  issuer: string;
  clientId: string;
  /** Holds a name that leads to a user; without it only identities that are linked already count. */
  usernameClaim: string | undefined;
  /** PEM, of who signed its certificate. */
  authorities: string | undefined;
  now: () => number;
}

/** What an ID token says, once it is believed. */
export interface Identity {
  issuer: string;
  subject: string;
  username: string | undefined;
}

const ALGORITHMS = ['RS256', 'PS256', 'ES256', 'EdDSA'];
const LONGEST_AGE_SECONDS = 300;
const SKEW_SECONDS = 10;
const TIMEOUT_MS = 3000;
const DISCOVERED_MS = 3_600_000;

/** The OpenID provider of the house, as far as app-server believes it: by its keys, which it fetches itself. */
export class IdentityProvider {
  readonly #options: IdentityProviderOptions;
  readonly #fetch: typeof fetch;
  #keys: { at: number; get: JWTVerifyGetKey } | undefined;

  constructor(options: IdentityProviderOptions) {
    this.#options = options;
    const dispatcher = new Agent(options.authorities === undefined ? {} : { connect: { ca: options.authorities } });
    this.#fetch = ((url: string, given: object) =>
      undiciFetch(url, { ...given, dispatcher })) as unknown as typeof fetch;
  }

  /**
   * @see OpenID Connect Core section 3.1.3.7
   * @throws MfaError CREDENTIALS_REJECTED, UNAVAILABLE when its keys cannot be had.
   */
  async read(idToken: string, nonce: string): Promise<Identity> {
    const { issuer, clientId, usernameClaim, now } = this.#options;
    let payload: JWTPayload;
    try {
      ({ payload } = await jwtVerify(idToken, await this.#keySet(), {
        algorithms: ALGORITHMS,
        issuer,
        audience: clientId,
        currentDate: new Date(now()),
        clockTolerance: SKEW_SECONDS,
        maxTokenAge: LONGEST_AGE_SECONDS,
        requiredClaims: ['sub', 'iat', 'exp', 'nonce'],
      }));
    } catch (error) {
      throw refusalOf(error);
    }
    const { sub = '', nonce: said, azp, aud } = payload;
    const isForUs =
      (!Array.isArray(aud) || aud.length === 1 || azp === clientId) && (azp === undefined || azp === clientId);
    if (said !== nonce || sub === '' || !isForUs) throw new MfaError('CREDENTIALS_REJECTED', { reason: 'ID token' });
    const username = usernameClaim === undefined ? undefined : payload[usernameClaim];
    return {
      issuer,
      subject: sub,
      username: typeof username === 'string' && username !== '' ? username : undefined,
    };
  }

  async #keySet(): Promise<JWTVerifyGetKey> {
    const at = this.#options.now();
    if (this.#keys !== undefined && at - this.#keys.at < DISCOVERED_MS) return this.#keys.get;
    const base = this.#options.issuer.replace(/\/$/, '');
    try {
      const response = await this.#fetch(`${base}/.well-known/openid-configuration`, {
        signal: AbortSignal.timeout(TIMEOUT_MS),
      });
      const { issuer, jwks_uri: address } = (await response.json()) as { issuer?: string; jwks_uri?: string };
      if (issuer !== this.#options.issuer || address === undefined || !address.startsWith('https://')) {
        throw new Error(`the provider calls itself ${issuer ?? 'nothing'}, or has no keys at an https address`);
      }
      const get = createRemoteJWKSet(new URL(address), { timeoutDuration: TIMEOUT_MS, [customFetch]: this.#fetch });
      this.#keys = { at, get };
      return get;
    } catch (cause) {
      throw new MfaError('UNAVAILABLE', { retryAfterSeconds: 5, reason: 'OpenID provider', cause });
    }
  }
}

function refusalOf(error: unknown): MfaError {
  if (error instanceof MfaError) return error;
  const isAway = error instanceof errors.JWKSTimeout || !(error instanceof errors.JOSEError);
  return isAway
    ? new MfaError('UNAVAILABLE', { retryAfterSeconds: 5, reason: 'OpenID provider', cause: error })
    : new MfaError('CREDENTIALS_REJECTED', { reason: error.code, cause: error });
}
