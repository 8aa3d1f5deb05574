import type { ErrorCode } from '@countersign/contracts';
import { Problem } from './problem.ts';

/** What calls take from outside, so that a test can choose it. */
export interface Outside {
  readonly fetch: typeof fetch;
  /** By the clock of the phone, whatever that is worth. */
  readonly nowMs: () => number;
  readonly randomBytes: (count: number) => Uint8Array;
}

export interface Posted {
  readonly address: string;
  readonly body: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Before it counts as lost. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal | undefined;
}

const TIMEOUT_MS = 15_000;

/** @throws Problem; what the signal aborts throws as `fetch` does. */
export async function post({ fetch }: Outside, asked: Posted): Promise<unknown> {
  const { address, body, headers = {}, timeoutMs = TIMEOUT_MS, signal } = asked;
  const lost = AbortSignal.timeout(timeoutMs);
  let response: Response;
  let answer: unknown;
  try {
    response = await fetch(address, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body,
      credentials: 'omit',
      cache: 'no-store',
      referrerPolicy: 'no-referrer',
      redirect: 'error',
      signal: signal === undefined ? lost : AbortSignal.any([signal, lost]),
    });
    // Without one it is an answer of something between, or was cut off.
    answer = await response.json().catch(() => undefined);
  } catch (error) {
    if (signal?.aborted === true) throw error;
    throw new Problem(lost.aborted ? 'UNAVAILABLE' : 'OFFLINE');
  }
  signal?.throwIfAborted();
  if (response.ok && answer !== undefined) return answer;
  const { code } = (answer ?? {}) as { code?: unknown };
  const isOfServer = typeof code === 'string' && !response.ok;
  throw new Problem(
    isOfServer ? (code as ErrorCode) : response.status < 500 && !response.ok ? 'INTERNAL' : 'UNAVAILABLE',
    {
      retryAfterSeconds: secondsOf(response.headers.get('retry-after')),
      serverMs: instantOf(response.headers.get('countersign-time')),
    },
  );
}

function secondsOf(header: string | null): number {
  const seconds = Number(header ?? 0);
  return Number.isFinite(seconds) && seconds > 0 ? seconds : 0;
}

function instantOf(header: string | null): number | undefined {
  return header !== null && /^[0-9]{1,15}$/.test(header) ? Number(header) : undefined;
}
