import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { Agent, request } from 'undici';
import type { Exchange, History } from '../history.ts';

export interface Asked {
  status: number;
  body: Record<string, unknown>;
}

export interface CallerOptions {
  balancers: readonly string[];
  ca: string;
  apiKey: string;
  history: History;
  /** Ms since the run began. */
  clock: () => number;
}

const WAIT_MS = 15_000;
/** After an answer "not now" that does not say when. */
const PAUSE_MS = 500;
const NOT_NOW = new Set([0, 502, 503, 504]);

/**
 * A relying application as they are: it waits up to 15 s for an answer, and asks once more, at the other balancer, when none came
 * or it said "not now".
 */
export class Caller {
  readonly #options: CallerOptions;
  readonly #agent: Agent;
  #turn = 0;

  constructor(options: CallerOptions) {
    this.#options = options;
    this.#agent = new Agent({
      connect: { ca: options.ca, timeout: 2000 },
      // So many callers may wait at once that none of them waits for another, and no more than a balancer takes from one address.
      connections: 900,
      pipelining: 1,
      headersTimeout: 40_000,
      bodyTimeout: 40_000,
    });
  }

  /** Asks once, to see how things stand. */
  once(
    about: Pick<Exchange, 'login' | 'what'>,
    method: 'GET' | 'POST' | 'PATCH',
    path: string,
    body?: object,
  ): Promise<Asked> {
    const { balancers } = this.#options;
    const via = balancers[this.#turn++ % balancers.length] ?? '';
    return this.#try({ ...about, attempt: 1, via }, method, path, body, method === 'GET' ? undefined : randomUUID(), 0);
  }

  /** @param longMs how long the answer may take by design, beside the 15 s. */
  async ask(
    about: Pick<Exchange, 'login' | 'what'>,
    method: 'GET' | 'POST' | 'PATCH',
    path: string,
    body?: object,
    longMs = 0,
  ): Promise<Asked> {
    const { balancers } = this.#options;
    const key = method === 'GET' ? undefined : randomUUID();
    const first = this.#turn++;
    for (let attempt = 1; ; attempt++) {
      const via = balancers[(first + attempt) % balancers.length] ?? '';
      const answer = await this.#try({ ...about, attempt, via }, method, path, body, key, longMs);
      if (!NOT_NOW.has(answer.status) || attempt === 2) return answer;
      await sleep(answer.retryAfterMs);
    }
  }

  async #try(
    about: Pick<Exchange, 'login' | 'what' | 'attempt' | 'via'>,
    method: 'GET' | 'POST' | 'PATCH',
    path: string,
    body: object | undefined,
    key: string | undefined,
    longMs: number,
  ): Promise<Asked & { retryAfterMs: number }> {
    const { apiKey, history, clock } = this.#options;
    const at = clock();
    const tell = (status: number, more: Partial<Exchange>) =>
      history.exchange({ ...about, at: Math.round(at), ms: Math.round(clock() - at), status, ...more });
    try {
      const response = await request(`${about.via}${path}`, {
        method,
        dispatcher: this.#agent,
        signal: AbortSignal.timeout(WAIT_MS + longMs),
        headers: {
          authorization: `Bearer ${apiKey}`,
          ...(body !== undefined && { 'content-type': 'application/json' }),
          ...(key !== undefined && { 'idempotency-key': key }),
        },
        ...(body !== undefined && { body: JSON.stringify(body) }),
      });
      const content = parsed(await response.body.text());
      const { code } = content;
      const replica = response.headers['countersign-replica'];
      tell(response.statusCode, {
        ...(typeof code === 'string' && { code }),
        ...(typeof replica === 'string' && { replica }),
      });
      const seconds = Number(response.headers['retry-after']);
      return {
        status: response.statusCode,
        body: content,
        retryAfterMs: Number.isFinite(seconds) && seconds > 0 ? seconds * 1000 : PAUSE_MS,
      };
    } catch (error) {
      tell(0, { code: reasonOf(error) });
      return { status: 0, body: {}, retryAfterMs: PAUSE_MS };
    }
  }

  close(): Promise<void> {
    return this.#agent.destroy();
  }
}

/** What the system calls it, where it has a name for it: `ECONNREFUSED`. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown';
  return 'code' in error && typeof error.code === 'string' ? error.code : `${error.name}: ${error.message}`;
}

function parsed(text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? { ...value } : {};
  } catch {
    return {};
  }
}
