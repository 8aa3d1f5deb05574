import { MfaError } from '@countersign/contracts';
import * as client from 'openid-client';
import { Agent, fetch as undiciFetch, type RequestInit } from 'undici';

/** An OpenID provider of the house: AD FS, Entra ID, Keycloak. */
export interface ProviderOptions {
  issuer: string;
  clientId: string;
  clientSecret: string | undefined;
  /** PEM, of who signed its certificate; the system's unless given. */
  authorities: string | undefined;
  /** Where it sends people back to, registered there. */
  returnUrl: string;
}

/** What has to be the same when a person comes back; kept in their session (FED-11). */
export interface Transaction {
  state: string;
  nonce: string;
  verifier: string;
}

const SCOPE = 'openid profile';
const TIMEOUT_SECONDS = 5;
/** Its keys and addresses may change. */
const DISCOVERED_MS = 3_600_000;

/** Authorization code flow with PKCE, state and nonce (RFC 6749, RFC 7636, FED-10). app-server checks the ID token once more, and alone decides. */
export class Provider {
  readonly #options: ProviderOptions;
  readonly #now: () => number;
  #discovered: { at: number; configuration: Promise<client.Configuration> } | undefined;

  constructor(options: ProviderOptions, now: () => number) {
    this.#options = options;
    this.#now = now;
  }

  /** Where to send a person. @throws MfaError UNAVAILABLE when the provider does not answer. */
  async begin(): Promise<{ url: string; transaction: Transaction }> {
    const configuration = await this.#configuration();
    const transaction = {
      state: client.randomState(),
      nonce: client.randomNonce(),
      verifier: client.randomPKCECodeVerifier(),
    };
    const url = client.buildAuthorizationUrl(configuration, {
      redirect_uri: this.#options.returnUrl,
      scope: SCOPE,
      state: transaction.state,
      nonce: transaction.nonce,
      code_challenge: await client.calculatePKCECodeChallenge(transaction.verifier),
      code_challenge_method: 'S256',
    });
    return { url: url.href, transaction };
  }

  /**
   * Takes what a person brought back.
   * @param search the query of the address that they came to.
   * @throws MfaError CREDENTIALS_REJECTED when the provider said no, or it is not an answer to our question; UNAVAILABLE.
   */
  async finish(search: string, { state, nonce, verifier }: Transaction): Promise<{ idToken: string }> {
    const configuration = await this.#configuration();
    // From the configured address: what the balancer or the browser calls us is nobody's proof of anything (R28).
    const url = new URL(search, this.#options.returnUrl);
    try {
      const tokens = await client.authorizationCodeGrant(configuration, url, {
        expectedState: state,
        expectedNonce: nonce,
        pkceCodeVerifier: verifier,
        idTokenExpected: true,
      });
      if (tokens.id_token === undefined) throw new MfaError('CREDENTIALS_REJECTED', { reason: 'no ID token' });
      return { idToken: tokens.id_token };
    } catch (cause) {
      if (cause instanceof MfaError) throw cause;
      throw refusalOf(cause);
    }
  }

  #configuration(): Promise<client.Configuration> {
    const now = this.#now();
    if (this.#discovered !== undefined && now - this.#discovered.at < DISCOVERED_MS)
      return this.#discovered.configuration;
    const { issuer, clientId, clientSecret, authorities } = this.#options;
    const options: client.DiscoveryRequestOptions = {
      timeout: TIMEOUT_SECONDS,
      ...(authorities !== undefined && { [client.customFetch]: fetchTrusting(authorities) }),
    };
    const configuration = client
      .discovery(new URL(issuer), clientId, clientSecret, undefined, options)
      .catch((cause: unknown) => {
        this.#discovered = undefined;
        throw new MfaError('UNAVAILABLE', { retryAfterSeconds: 5, reason: 'OpenID provider', cause });
      });
    this.#discovered = { at: now, configuration };
    return configuration;
  }
}

function fetchTrusting(ca: string): client.CustomFetch {
  const dispatcher = new Agent({ connect: { ca } });
  return (url, options) => undiciFetch(url, { ...(options as RequestInit), dispatcher });
}

/** A provider that cannot be reached may be reached later; one that said no has said so. */
function refusalOf(cause: unknown): MfaError {
  const code = (cause as { code?: unknown }).code;
  const isAway = code === 'OAUTH_TIMEOUT' || cause instanceof TypeError;
  return isAway
    ? new MfaError('UNAVAILABLE', { retryAfterSeconds: 5, reason: 'OpenID provider', cause })
    : new MfaError('CREDENTIALS_REJECTED', { reason: typeof code === 'string' ? code : 'provider', cause });
}
