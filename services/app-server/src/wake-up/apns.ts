import { createPrivateKey, type KeyObject } from 'node:crypto';
import { connect, constants, type ClientHttp2Session, type OutgoingHttpHeaders } from 'node:http2';
import { SignJWT } from 'jose';
import { reasonOf } from './post.ts';
import type { ApnsTarget, WakeUpChannel, WakeUpOutcome } from './wake-up.ts';

export interface ApnsOptions {
  /** Of a .p8 file. */
  key: KeyObject;
  keyId: string;
  teamId: string;
  /** Bundle id of the app. */
  topic: string;
  now: () => number;
  /** In place of Apple's. */
  url?: string;
  /** PEM, of who signed the certificate; those of the system unless given. */
  authorities?: string;
}

/** @returns undefined when the text is no .p8 file of Apple. */
export function readApnsKey(text: string): KeyObject | undefined {
  try {
    const key = createPrivateKey(text);
    return key.asymmetricKeyDetails?.namedCurve === 'prime256v1' ? key : undefined;
  } catch {
    return undefined;
  }
}

const APPLE = 'https://api.push.apple.com';
/** Apple refuses one of over 60 minutes, and whoever makes one more often than every 20. */
const TOKEN_LIFE_MS = 40 * 60_000;
/** Sooner than anything on the way forgets a connection in silence. */
const IDLE_MS = 5 * 60_000;
/** Longer than anybody has who is still on a connection that was left. */
const LEFT_MS = 10_000;
const MAX_ANSWER_BYTES = 16 * 1024;
const DEVICE_TOKEN = /^[0-9a-f]{64,200}$/i;
/**
 * Shown as the app translates LOOK, and the app looks. In the background alone Apple would wake it a few times an hour at most, and not at
 * all when somebody closed it.
 */
const PAYLOAD = JSON.stringify({ aps: { alert: { 'loc-key': 'LOOK' }, sound: 'default', 'content-available': 1 } });

/**
 * Apple Push Notification service, with a message that is always the same.
 * @see https://developer.apple.com/documentation/usernotifications/sending-notification-requests-to-apns
 */
export function apnsChannel(options: ApnsOptions): WakeUpChannel<ApnsTarget> {
  const { topic, now, url = APPLE, authorities } = options;
  const providerToken = providerTokenOf(options);
  const connection = new Connection(url, authorities);

  return {
    kind: 'apns',
    async wake({ token }, { ttlSeconds, signal }) {
      if (!DEVICE_TOKEN.test(token)) return { outcome: 'failed', reason: 'device_token' };
      const answer = await connection.post(
        {
          ':path': `/3/device/${token}`,
          authorization: `bearer ${await providerToken()}`,
          'apns-topic': topic,
          'apns-push-type': 'alert',
          'apns-priority': '10',
          'apns-expiration': String(Math.floor(now() / 1000) + ttlSeconds),
          // Several are shown as one.
          'apns-collapse-id': 'look',
        },
        PAYLOAD,
        signal,
      );
      return 'failed' in answer ? { outcome: 'failed', reason: answer.failed } : outcomeOf(answer);
    },
    close: () => connection.close(),
  };
}

/** @see https://developer.apple.com/documentation/usernotifications/establishing-a-token-based-connection-to-apns */
function providerTokenOf({ key, keyId, teamId, now }: ApnsOptions): () => Promise<string> {
  let current: { token: Promise<string>; madeAt: number } | undefined;
  return () => {
    const at = now();
    if (current === undefined || Math.abs(at - current.madeAt) >= TOKEN_LIFE_MS) {
      const token = new SignJWT()
        .setProtectedHeader({ alg: 'ES256', kid: keyId })
        .setIssuer(teamId)
        .setIssuedAt(Math.floor(at / 1000))
        .sign(key);
      current = { token, madeAt: at };
    }
    return current.token;
  };
}

type Answer = { status: number; body: string } | { failed: string };

/** One connection for all, opened when somebody is to be woken, and another one once it is in doubt. */
class Connection {
  readonly #url: string;
  readonly #authorities: string | undefined;
  #session: ClientHttp2Session | undefined;

  constructor(url: string, authorities: string | undefined) {
    this.#url = url;
    this.#authorities = authorities;
  }

  /** Never throws. */
  async post(headers: OutgoingHttpHeaders, body: string, signal: AbortSignal): Promise<Answer> {
    const session = this.#open();
    const answer = await exchange(session, headers, body, signal);
    // Who else is on it has until his own time is over.
    if ('failed' in answer) this.#leave(session);
    return answer;
  }

  close(): Promise<void> {
    this.#session?.destroy();
    return Promise.resolve();
  }

  #open(): ClientHttp2Session {
    if (this.#session !== undefined) return this.#session;
    const session = connect(this.#url, this.#authorities === undefined ? {} : { ca: this.#authorities });
    session.unref();
    // What is under way on it hears of the error, too.
    session.on('error', () => this.#leave(session));
    session.on('goaway', () => this.#leave(session));
    session.on('close', () => this.#leave(session));
    session.setTimeout(IDLE_MS, () => this.#leave(session));
    this.#session = session;
    return session;
  }

  #leave(session: ClientHttp2Session): void {
    if (this.#session === session) this.#session = undefined;
    if (session.closed) return;
    session.close();
    setTimeout(() => session.destroy(), LEFT_MS).unref();
  }
}

function exchange(
  session: ClientHttp2Session,
  headers: OutgoingHttpHeaders,
  body: string,
  signal: AbortSignal,
): Promise<Answer> {
  return new Promise((resolve) => {
    // Of a connection that was lost, the stream says only that it is cancelled; why, says the cause.
    const fail = (error?: Error) => resolve({ failed: signal.aborted ? 'timeout' : reasonOf(error?.cause ?? error) });
    try {
      const stream = session.request({ ...headers, ':method': 'POST', 'content-type': 'application/json' }, { signal });
      let status = 0;
      let text = '';
      stream.setEncoding('utf8');
      stream.on('response', (answer) => (status = Number(answer[constants.HTTP2_HEADER_STATUS] ?? 0)));
      stream.on('data', (chunk: string) => {
        text += chunk;
        if (text.length > MAX_ANSWER_BYTES) stream.close(constants.NGHTTP2_CANCEL);
      });
      // The status decides; a body that breaks off or is too long has said enough.
      stream.on('error', (error) => status === 0 && fail(error));
      stream.on('close', () => (status === 0 ? fail() : resolve({ status, body: text })));
      stream.end(body);
    } catch (error) {
      fail(error as Error);
    }
  });
}

/** @see https://developer.apple.com/documentation/usernotifications/handling-notification-responses-from-apns */
function outcomeOf({ status, body }: { status: number; body: string }): WakeUpOutcome {
  if (status === 200) return { outcome: 'sent' };
  if (status === 410) return { outcome: 'gone' };
  const [, word] = /"reason"\s*:\s*"([A-Za-z]{1,48})"/.exec(body) ?? [];
  return { outcome: 'failed', reason: word === undefined ? `http_${status}` : `http_${status}_${word}` };
}
