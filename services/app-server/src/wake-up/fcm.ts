import { createPrivateKey, type KeyObject } from 'node:crypto';
import { SignJWT } from 'jose';
import { Type } from 'typebox';
import { Value } from 'typebox/value';
import { Agent, type Dispatcher } from 'undici';
import { post } from './post.ts';
import type { FcmTarget, WakeUpChannel } from './wake-up.ts';

/** What Google gives out for a service account, as far as it is used. */
const AccountFile = Type.Object({
  type: Type.Literal('service_account'),
  project_id: Type.String({ pattern: '^[a-z0-9:.-]{1,64}$' }),
  private_key_id: Type.String({ minLength: 1 }),
  private_key: Type.String(),
  client_email: Type.String({ minLength: 1 }),
  token_uri: Type.String({ pattern: '^https://' }),
});

export interface ServiceAccount {
  projectId: string;
  keyId: string;
  key: KeyObject;
  email: string;
  tokenUrl: string;
}

/** @returns undefined when the text is no key file of a service account. */
export function readServiceAccount(text: string): ServiceAccount | undefined {
  try {
    const file: unknown = JSON.parse(text);
    if (!Value.Check(AccountFile, file) || !URL.canParse(file.token_uri)) return undefined;
    const key = createPrivateKey(file.private_key);
    if (key.asymmetricKeyType !== 'rsa') return undefined;
    return {
      projectId: file.project_id,
      keyId: file.private_key_id,
      key,
      email: file.client_email,
      tokenUrl: file.token_uri,
    };
  } catch {
    return undefined;
  }
}

export interface FcmOptions {
  account: ServiceAccount;
  now: () => number;
  /** In place of Google's. */
  url?: string;
  /** PEM, of who signed the certificates; those of the system unless given. */
  authorities?: string;
}

const GOOGLE = 'https://fcm.googleapis.com';
const SCOPE = 'https://www.googleapis.com/auth/firebase.messaging';
const GRANT = 'urn:ietf:params:oauth:grant-type:jwt-bearer';
const ASSERTION_SECONDS = 3600;
/** A token this close to its end is no longer used. */
const RENEW_BEFORE_MS = 300_000;
const TOKEN_TIMEOUT_MS = 3000;
const CONNECT_MS = 3000;

/**
 * Firebase Cloud Messaging for Android, with a message that holds nothing. @see https://firebase.google.com/docs/reference/fcm/rest/v1/projects.messages
 */
export function fcmChannel({ account, now, url = GOOGLE, authorities }: FcmOptions): WakeUpChannel<FcmTarget> {
  const dispatcher = new Agent({
    connect: { timeout: CONNECT_MS, ...(authorities !== undefined && { ca: authorities }) },
  });
  const accessToken = new AccessToken(account, now, dispatcher);
  const address = `${url}/v1/projects/${account.projectId}/messages:send`;

  return {
    kind: 'fcm',
    async wake({ token }, { ttlSeconds, signal }) {
      const access = await accessToken.get();
      if ('refused' in access) return { outcome: 'failed', reason: access.refused };
      const posted = await post({
        url: address,
        headers: { 'content-type': 'application/json', authorization: `Bearer ${access.token}` },
        body: JSON.stringify({
          message: { token, data: { check: '1' }, android: { priority: 'HIGH', ttl: `${ttlSeconds}s` } },
        }),
        dispatcher,
        signal,
      });
      if (posted.end === 'failed') return { outcome: 'failed', reason: posted.reason };
      const { status, body } = posted;
      if (status === 200) return { outcome: 'sent' };
      if (status === 401) accessToken.forget(access.token);
      const word = errorCodeOf(body);
      // A project that is not there is a 404 too, and no reason to forget every phone.
      if (status === 404 && word === 'UNREGISTERED') return { outcome: 'gone' };
      return { outcome: 'failed', reason: word === undefined ? `http_${status}` : `http_${status}_${word}` };
    },
    close: () => dispatcher.destroy(),
  };
}

type Access = { token: string } | { refused: string };

const TokenAnswer = Type.Object({
  access_token: Type.String({ pattern: '^[\\x21-\\x7e]+$' }),
  expires_in: Type.Number({ minimum: 1 }),
});

/** The bearer token of the service account, asked for once by however many need it. @see RFC 7523 section 2.1 */
class AccessToken {
  readonly #account: ServiceAccount;
  readonly #now: () => number;
  readonly #dispatcher: Dispatcher;
  #current: { token: string; expiresAt: number } | undefined;
  #asked: Promise<Access> | undefined;

  constructor(account: ServiceAccount, now: () => number, dispatcher: Dispatcher) {
    this.#account = account;
    this.#now = now;
    this.#dispatcher = dispatcher;
  }

  async get(): Promise<Access> {
    const current = this.#current;
    if (current !== undefined && this.#now() < current.expiresAt - RENEW_BEFORE_MS) return { token: current.token };
    this.#asked ??= this.#ask().finally(() => (this.#asked = undefined));
    return this.#asked;
  }

  /** Google does not take it: unless there is another already, the next wake-up asks for one. */
  forget(token: string): void {
    if (this.#current?.token === token) this.#current = undefined;
  }

  async #ask(): Promise<Access> {
    const { email, key, keyId, tokenUrl } = this.#account;
    const askedAt = this.#now();
    const issuedAt = Math.floor(askedAt / 1000);
    const assertion = await new SignJWT({ scope: SCOPE })
      .setProtectedHeader({ alg: 'RS256', typ: 'JWT', kid: keyId })
      .setIssuer(email)
      .setAudience(tokenUrl)
      .setIssuedAt(issuedAt)
      .setExpirationTime(issuedAt + ASSERTION_SECONDS)
      .sign(key);
    const posted = await post({
      url: tokenUrl,
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body: new URLSearchParams({ grant_type: GRANT, assertion }).toString(),
      dispatcher: this.#dispatcher,
      signal: AbortSignal.timeout(TOKEN_TIMEOUT_MS),
    });
    if (posted.end === 'failed') return { refused: `token_${posted.reason}` };
    const answer = parseJson(posted.body);
    if (posted.status !== 200 || !Value.Check(TokenAnswer, answer)) return { refused: `account_http_${posted.status}` };
    this.#current = { token: answer.access_token, expiresAt: askedAt + answer.expires_in * 1000 };
    return { token: answer.access_token };
  }
}

const ErrorAnswer = Type.Object({ error: Type.Object({ details: Type.Array(Type.Unknown()) }) });
const ErrorDetail = Type.Object({ errorCode: Type.String({ pattern: '^[A-Z_]{1,32}$' }) });

/** FCM's own word for it. @see https://firebase.google.com/docs/reference/fcm/rest/v1/ErrorCode */
function errorCodeOf(body: string): string | undefined {
  const answer = parseJson(body);
  if (!Value.Check(ErrorAnswer, answer)) return undefined;
  return answer.error.details.find((detail) => Value.Check(ErrorDetail, detail))?.errorCode;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
