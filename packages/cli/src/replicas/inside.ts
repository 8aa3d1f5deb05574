import { request } from 'node:https';
import { fingerprintOfPem, type Admission, type MembersAnswer } from '@countersign/authority';
import { fromErrorMessage, type ErrorMessage } from '@countersign/contracts';
import { CommandError } from '../failure.ts';

const TIMEOUT_MS = 10_000;
const MOST_BYTES = 256 * 1024;

interface Exchange {
  url: string;
  path: string;
  body?: unknown;
  /** Whose certificates are believed. Without it nobody's is, and nothing secret may be sent or trusted. */
  authority?: string;
  certificate?: string;
  key?: string;
}

/**
 * The certificate of the internal CA, from whoever answers; believed because its fingerprint came with the token.
 * @throws CommandError when somebody answers with another one.
 */
export async function pinnedAuthority(url: string, fingerprint: string): Promise<string> {
  const { certificate } = (await exchange({ url, path: '/join/authority' })) as { certificate?: unknown };
  if (typeof certificate === 'string' && isPinned(certificate, fingerprint)) return certificate;
  throw new CommandError(
    'AUTHORITY_MISMATCH',
    'credential',
    `What answers at ${url} does not belong to the installation that made the token.`,
    'Nothing was sent. Find out who answers there. If the installation was made anew, ask for a new token.',
  );
}

function isPinned(certificate: string, fingerprint: string): boolean {
  try {
    return fingerprintOfPem(certificate) === fingerprint;
  } catch {
    return false;
  }
}

/** @throws MfaError as app-server answered; CommandError when it cannot be reached, or proves to be somebody else. */
export async function askToJoin(exchangeOptions: Exchange & { authority: string }): Promise<Admission> {
  return (await exchange(exchangeOptions)) as Admission;
}

/** Who is behind the balancers. @throws as `askToJoin`. */
export async function askMembers(
  asking: Required<Pick<Exchange, 'url' | 'authority' | 'certificate' | 'key'>>,
): Promise<MembersAnswer> {
  return (await exchange({ ...asking, path: '/join/members' })) as MembersAnswer;
}

/** Asks one address after the other until one answers, whatever it says. @throws what the last one failed with. */
export async function firstOf<T>(urls: readonly string[], ask: (url: string) => Promise<T>): Promise<T> {
  let last: unknown;
  for (const url of urls) {
    try {
      return await ask(url);
    } catch (error) {
      if (!(error instanceof CommandError)) throw error;
      last = error;
    }
  }
  throw last;
}

function exchange({ url, path, body, authority, certificate, key }: Exchange): Promise<unknown> {
  const text = body === undefined ? undefined : JSON.stringify(body);
  return new Promise((resolve, reject) => {
    const unreachable = (cause: unknown) =>
      reject(
        new CommandError(
          'APP_SERVER_UNREACHABLE',
          'tryAgain',
          `${url} does not answer, or not as a member of the installation (${reasonOf(cause)}).`,
          'Check that app-server runs there, that this machine may reach its port, and the clocks of both.',
          { cause },
        ),
      );
    const outgoing = request(
      new URL(path, url),
      {
        method: text === undefined ? 'GET' : 'POST',
        minVersion: 'TLSv1.2',
        timeout: TIMEOUT_MS,
        agent: false,
        ...(authority === undefined ? { rejectUnauthorized: false } : { ca: authority }),
        ...(certificate !== undefined && { cert: certificate, key }),
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
        answer.once('error', unreachable);
        answer.once('end', () => {
          try {
            const content: unknown = JSON.parse(heard);
            if (answer.statusCode === 200) resolve(content);
            else reject(fromErrorMessage(content as ErrorMessage));
          } catch (error) {
            unreachable(error);
          }
        });
      },
    );
    outgoing.once('timeout', () => outgoing.destroy(new Error('no answer in time')));
    outgoing.once('error', unreachable);
    outgoing.end(text);
  });
}

function reasonOf(cause: unknown): string {
  const { code, message } = cause as NodeJS.ErrnoException;
  return code ?? message;
}
