import { request } from 'node:https';
import { CommandError } from '../failure.ts';
import type { PatroniSettings } from '../settings.ts';

/** What Patroni says of one Postgres node; of its `/cluster`, what is used here. */
export interface PatroniMember {
  name: string;
  /** `leader`, `sync_standby`, `replica` and others. */
  role: string;
  /** `running`; of a standby, since Patroni 3.0.4, `streaming`. */
  state: string;
  lag?: number | 'unknown';
}

export interface PatroniCluster {
  members: readonly PatroniMember[];
  /** Somebody told Patroni to leave everything as it is. */
  pause?: boolean;
  scheduled_switchover?: unknown;
}

export interface PatroniAnswer {
  status: number;
  text: string;
}

/** Patroni waits for the outcome of a switchover itself, for 10 s and more. */
const TIMEOUT_MS = { look: 3000, switchover: 60_000 };
const MOST_BYTES = 256 * 1024;

/** @throws CommandError when no node answers. */
export async function readCluster(settings: PatroniSettings): Promise<PatroniCluster> {
  const { text } = await askAny(settings, { method: 'GET', path: '/cluster', timeoutMs: TIMEOUT_MS.look });
  const cluster: unknown = JSON.parse(text);
  if (typeof cluster === 'object' && cluster !== null && 'members' in cluster && Array.isArray(cluster.members)) {
    return cluster as PatroniCluster;
  }
  throw new CommandError(
    'PATRONI_UNREADABLE',
    'settings',
    'What answers there is no Patroni: it does not list its members.',
    'Check COUNTERSIGN_PATRONI_URLS.',
  );
}

/** @returns the word of whichever Patroni answered; status 0 when it took the request and said nothing in time. */
export function requestSwitchover(settings: PatroniSettings, from: string, to: string): Promise<PatroniAnswer> {
  return askAny(settings, {
    method: 'POST',
    path: '/switchover',
    body: { leader: from, candidate: to },
    timeoutMs: TIMEOUT_MS.switchover,
  });
}

interface Question {
  method: 'GET' | 'POST';
  path: string;
  body?: unknown;
  timeoutMs: number;
}

async function askAny(settings: PatroniSettings, question: Question): Promise<PatroniAnswer> {
  let last: unknown;
  for (const url of settings.urls) {
    try {
      return await askOne(settings, url, question);
    } catch (error) {
      // What was sent may be done. To send it to another as well would be a second order.
      if (question.method === 'POST' && !isUnsent(error)) return { status: 0, text: '' };
      last = error;
    }
  }
  const { code, message } = last as NodeJS.ErrnoException;
  throw new CommandError(
    'PATRONI_UNREACHABLE',
    'tryAgain',
    `No Patroni answers at ${settings.urls.join(', ')} (${code ?? message}).`,
    'Check COUNTERSIGN_PATRONI_URLS and COUNTERSIGN_PATRONI_CA, and that this machine may reach port 8008.',
    { cause: last },
  );
}

/** Refused, unknown, or a certificate that is not believed: nobody heard the request. */
function isUnsent(error: unknown): boolean {
  const { code = '' } = error as NodeJS.ErrnoException;
  return /^(ECONNREFUSED|ENOTFOUND|EHOSTUNREACH|ENETUNREACH|EAI_AGAIN)$|CERT|SIGNATURE|SELF_SIGNED/.test(code);
}

function askOne(
  { authorities, certificate, key, user, password }: PatroniSettings,
  url: string,
  { method, path, body, timeoutMs }: Question,
): Promise<PatroniAnswer> {
  const text = body === undefined ? undefined : JSON.stringify(body);
  return new Promise((resolve, reject) => {
    const outgoing = request(
      new URL(path, url),
      {
        method,
        minVersion: 'TLSv1.2',
        agent: false,
        signal: AbortSignal.timeout(timeoutMs),
        ...(authorities !== undefined && { ca: authorities }),
        ...(certificate !== undefined && { cert: certificate, key }),
        ...(password !== undefined && method === 'POST' && { auth: `${user}:${password}` }),
        ...(text !== undefined && {
          headers: { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) },
        }),
      },
      (answer) => {
        let heard = '';
        answer.setEncoding('utf8').on('data', (part: string) => {
          heard += part;
          if (heard.length > MOST_BYTES) outgoing.destroy(new Error('the answer is too long'));
        });
        answer.once('error', reject);
        answer.once('end', () => resolve({ status: answer.statusCode ?? 0, text: heard }));
      },
    );
    outgoing.once('error', reject);
    outgoing.end(text);
  });
}
