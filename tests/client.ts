import { Agent, request as send } from 'undici';

export interface ClientIdentity {
  apiKey?: string;
  /** PEM. */
  certificate?: { certificatePem: string; keyPem: string };
}

export interface Answer {
  status: number;
  headers: Record<string, string | string[] | undefined>;
  /** Parsed when it is JSON; the fields of answers and problems that tests look at. */
  body: AnswerBody;
  text: string;
  /** From the first byte sent to the last one read. */
  ms: number;
}

export interface AnswerBody {
  [field: string]: unknown;
  challengeId?: string;
  state?: string;
  method?: string;
  prompt?: string;
  expiresAt?: string;
  result?: string;
  code?: string;
  userId?: string;
}

export interface RequestOptions {
  /** Sent as JSON; a string or Buffer goes as it is. */
  body?: unknown;
  headers?: Record<string, string>;
  idempotencyKey?: string;
}

export interface Client {
  identify(identity: ClientIdentity): void;
  request(
    gateway: string,
    method: 'GET' | 'POST' | 'PATCH' | 'DELETE',
    path: string,
    options?: RequestOptions,
  ): Promise<Answer>;
  start(gateway: string, body: unknown, options?: RequestOptions): Promise<Answer>;
  verify(gateway: string, challengeId: string, code: unknown, options?: RequestOptions): Promise<Answer>;
  get(gateway: string, challengeId: string, waitSeconds?: number): Promise<Answer>;
  cancel(gateway: string, challengeId: string): Promise<Answer>;
  resend(gateway: string, challengeId: string): Promise<Answer>;
  close(): Promise<void>;
}

/** A relying application: HTTPS with the authority of the stack, an API key or a client certificate, and kept connections. */
export function createClient(options: ClientIdentity & { ca: string; connections?: number }): Client {
  let { apiKey } = options;
  const agent = new Agent({
    connect: {
      ca: options.ca,
      ...(options.certificate !== undefined && {
        cert: options.certificate.certificatePem,
        key: options.certificate.keyPem,
      }),
    },
    connections: options.connections ?? 64,
    headersTimeout: 60_000,
    bodyTimeout: 60_000,
  });

  const request: Client['request'] = async (gateway, method, path, { body, headers = {}, idempotencyKey } = {}) => {
    const startedAt = performance.now();
    const raw = typeof body === 'string' || Buffer.isBuffer(body);
    const response = await send(`${gateway}${path}`, {
      dispatcher: agent,
      method,
      headers: {
        ...(apiKey !== undefined && { authorization: `Bearer ${apiKey}` }),
        ...(body !== undefined && { 'content-type': 'application/json' }),
        ...(idempotencyKey !== undefined && { 'idempotency-key': idempotencyKey }),
        ...headers,
      },
      ...(body !== undefined && { body: raw ? body : JSON.stringify(body) }),
    });
    const text = await response.body.text();
    const ms = performance.now() - startedAt;
    return { status: response.statusCode, headers: response.headers, body: parse(text), text, ms };
  };

  const post = (gateway: string, path: string, more: RequestOptions = {}) => request(gateway, 'POST', path, more);
  return {
    identify: (identity) => ({ apiKey } = identity),
    request,
    start: (gateway, body, more = {}) => post(gateway, '/v1/challenges', { ...more, body }),
    verify: (gateway, challengeId, code, more = {}) =>
      post(gateway, `/v1/challenges/${challengeId}/verify`, { ...more, body: { code } }),
    get: (gateway, challengeId, waitSeconds) =>
      request(
        gateway,
        'GET',
        `/v1/challenges/${challengeId}${waitSeconds === undefined ? '' : `?wait=${waitSeconds}`}`,
      ),
    cancel: (gateway, challengeId) => post(gateway, `/v1/challenges/${challengeId}/cancel`),
    resend: (gateway, challengeId) => post(gateway, `/v1/challenges/${challengeId}/resend`),
    close: () => agent.destroy(),
  };
}

function parse(text: string): AnswerBody {
  try {
    return JSON.parse(text) as AnswerBody;
  } catch {
    return {};
  }
}
