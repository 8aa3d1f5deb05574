import { once } from 'node:events';
import { connect as connectPlain, isIP, type Socket } from 'node:net';
import { connect as connectTls, type ConnectionOptions, type TLSSocket } from 'node:tls';
import type { DirectorySettings } from '@countersign/contracts';
import { Client } from 'ldapts';
import { DirectoryProblem, messageOf } from './problem.ts';
import { startTls } from './start-tls.ts';

export const DEFAULT_TIMEOUT_MS = 3000;
/** More than any answer to our questions holds; what is longer lies, or is not for us. */
const LONGEST_ANSWER_BYTES = 1024 * 1024;

interface Server {
  url: string;
  authorities?: DirectorySettings['authorities'] | undefined;
  timeoutMs?: number | undefined;
}

/**
 * Speaks to one server, over TLS whose certificate is for its name (LDAP-03), and lets go: in time, and after so many bytes, whatever the
 * server does.
 * @throws what `work` throws, or DirectoryProblem.
 */
export async function withServer<T>(server: Server, work: (client: Client) => Promise<T>): Promise<T> {
  const { timeoutMs = DEFAULT_TIMEOUT_MS } = server;
  const { host } = new URL(server.url);
  const name = hostOf(server.url);
  const tls: ConnectionOptions = {
    // What the certificate is to be for. An address is never asked for in the handshake (RFC 6066 section 3).
    host: name,
    ...(isIP(name) === 0 && { servername: name }),
    minVersion: 'TLSv1.2',
    ...(server.authorities !== undefined && { ca: server.authorities }),
  };
  const sockets = new Set<Socket>();
  let problem: DirectoryProblem | undefined;
  const giveUp = (why: string) => {
    problem ??= new DirectoryProblem(why);
    // Without the error: the client of LDAP has taken away whoever would hear it, and one that nobody hears ends the process.
    for (const socket of sockets) socket.destroy();
  };
  const watched: Watch = (socket) => {
    sockets.add(socket);
    // Whoever waits for it hears of it; between two steps nobody waits.
    socket.on('error', () => undefined);
    let bytes = 0;
    socket.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes > LONGEST_ANSWER_BYTES) giveUp(`its answer is longer than ${LONGEST_ANSWER_BYTES} bytes`);
    });
    return socket;
  };
  let timer: NodeJS.Timeout | undefined;
  const timeUp = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      giveUp(`it did not answer within ${timeoutMs} ms`);
      reject(problem);
    }, timeoutMs);
  });
  const asked = (async () => {
    const secure = await open(server.url, tls, watched).catch((error: unknown) => {
      throw error instanceof DirectoryProblem ? error : new DirectoryProblem(messageOf(error), { cause: error });
    });
    // Already secured: to the client it is a connection as any other.
    const client = new Client({
      url: `ldap://${host}`,
      timeout: timeoutMs,
      connectTimeout: timeoutMs,
      // What a service writes is not always what RFC 4514 asks for.
      strictDN: false,
      createConnection: () => secure,
    });
    return work(client);
  })();
  try {
    return await Promise.race([asked, timeUp]);
  } catch (error) {
    throw problem ?? error;
  } finally {
    clearTimeout(timer);
    asked.catch(() => undefined);
    for (const socket of sockets) socket.destroy();
  }
}

type Watch = <S extends Socket>(socket: S) => S;

const PORTS = { 'ldap:': 389, 'ldaps:': 636 } as const;

/** A connection whose certificate is for the name of the server, by TLS from the beginning or by StartTLS. */
async function open(url: string, tls: ConnectionOptions, watched: Watch): Promise<TLSSocket> {
  const { protocol, port } = new URL(url);
  const isPlain = protocol === 'ldap:';
  const plain = watched(connectPlain(Number(port) || PORTS[isPlain ? 'ldap:' : 'ldaps:'], hostOf(url)));
  await once(plain, 'connect');
  if (isPlain) await startTls(plain);
  const secure = watched(connectTls({ ...tls, socket: plain }));
  await once(secure, 'secureConnect');
  return secure;
}

/** An IPv6 address without its brackets. */
function hostOf(url: string): string {
  return new URL(url).hostname.replaceAll(/[[\]]/g, '');
}
