import type { CALLS, CallInput, CallOutput, PortalCall } from '../../src/api.ts';

export type Calls = typeof CALLS;
export type CallName = keyof Calls;
export type Input<N extends CallName> = Calls[N] extends PortalCall ? CallInput<Calls[N]> : never;
export type Output<N extends CallName> = Calls[N] extends PortalCall ? CallOutput<Calls[N]> : never;

/** Addresses alone: the schemas are the server's, and heavier than the rest of the page. A test holds them to each other. */
export const PATHS: Readonly<Record<CallName, string>> = {
  welcome: '/api/welcome',
  signInWithPassword: '/api/sign-in/password',
  invitePasskey: '/api/sign-in/passkey',
  acceptPasskey: '/api/sign-in/passkey/accept',
  ask: '/api/second-factor/ask',
  answer: '/api/second-factor/answer',
  answerWithPasskey: '/api/second-factor/answer/passkey',
  wait: '/api/second-factor/wait',
  claim: '/api/second-factor/claim',
  resend: '/api/second-factor/resend',
  giveAccessCode: '/api/access-code',
  signOut: '/api/sign-out',
  sessions: '/api/sessions',
  endSessions: '/api/sessions/end',
  account: '/api/account',
  updateAccount: '/api/account/update',
  enrol: '/api/account/enrol',
  confirm: '/api/account/confirm',
  rename: '/api/account/rename',
  remove: '/api/account/remove',
  setPin: '/api/account/pin',
  removePin: '/api/account/pin/remove',
  bypass: '/api/account/bypass',
  questions: '/api/account/questions',
  chooseQuestions: '/api/account/questions/choose',
  history: '/api/account/history',
  report: '/api/account/report',
};

/** What the portal said no with. */
export class Problem extends Error {
  readonly code: string;
  readonly retryAfterSeconds: number;
  constructor(code: string, retryAfterSeconds: number) {
    super(code);
    this.code = code;
    this.retryAfterSeconds = retryAfterSeconds;
  }
}

/** What may be otherwise a moment later. */
const PASSING: ReadonlySet<string> = new Set(['UNAVAILABLE', 'IDEMPOTENCY_KEY_BUSY', 'OFFLINE']);
const TRIES = 4;
const FIRST_PAUSE_MS = 300;
const LONGEST_PAUSE_MS = 5000;

/**
 * Asks the portal. One that died under the question, or is not there for a moment, is asked again under the same name: whichever replica
 * answers then finds what was done.
 * @param signal aborted when nobody wants the answer any more.
 * @throws Problem.
 */
export async function call<N extends CallName>(name: N, input: Input<N>, signal?: AbortSignal): Promise<Output<N>> {
  const key = crypto.randomUUID();
  for (let tries = 1; ; tries += 1) {
    const outcome = await ask(PATHS[name], input, key, signal);
    if ('answer' in outcome) return outcome.answer as Output<N>;
    const isPassing = PASSING.has(outcome.problem.code);
    if (!isPassing || tries === TRIES || signal?.aborted === true) throw outcome.problem;
    const pauseMs = Math.max(FIRST_PAUSE_MS * 2 ** (tries - 1), outcome.problem.retryAfterSeconds * 1000);
    await new Promise((resolve) => setTimeout(resolve, Math.min(pauseMs, LONGEST_PAUSE_MS)));
  }
}

async function ask(
  path: string,
  input: unknown,
  key: string,
  signal: AbortSignal | undefined,
): Promise<{ answer: unknown } | { problem: Problem }> {
  try {
    const response = await fetch(path, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        'x-countersign': 'portal',
        'idempotency-key': key,
        // Of the page, which need not be the browser's.
        'accept-language': document.documentElement.lang,
      },
      body: JSON.stringify(input),
      ...(signal !== undefined && { signal }),
    });
    const body = (await response.json()) as { code?: string };
    if (response.ok) return { answer: body };
    const retryAfter = Number(response.headers.get('retry-after') ?? 0);
    const code = body.code ?? (response.status >= 502 ? 'UNAVAILABLE' : 'INTERNAL');
    return { problem: new Problem(code, Number.isFinite(retryAfter) ? retryAfter : 0) };
  } catch {
    // No connection, or an answer that is none: of a balancer, or cut off.
    return { problem: new Problem('onLine' in navigator && !navigator.onLine ? 'OFFLINE' : 'UNAVAILABLE', 0) };
  }
}
