import { existsSync, readFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { extname, join, normalize } from 'node:path';
import { text } from 'node:stream/consumers';
import { contentSecurityPolicy, newNonce } from '@countersign/edge';
import { CALLS, type CallInput, type CallOutput } from '../../services/user-portal/src/api.ts';
import { PORTAL_HEADERS } from '../../services/user-portal/src/headers.ts';

type Calls = typeof CALLS;
export type CallName = keyof Calls;

/** What the portal says no with, or does in place of an answer. */
export interface Refusal {
  refuse: string;
  status: number;
  retryAfterSeconds?: number;
}
/** The connection ends in the middle of the answer, as under a replica that dies. Before its first byte a browser would ask again itself. */
export interface Loss {
  lose: true;
}
type Reply<N extends CallName> = CallOutput<Calls[N]> | Refusal | Loss;
export type Replies = {
  [N in CallName]?: Reply<N> | ((input: CallInput<Calls[N]>, asked: readonly Asked[]) => Reply<N>);
};

export interface Asked {
  name: CallName;
  input: unknown;
  /** The Idempotency-Key. */
  key: string | undefined;
}

export interface StandIn {
  origin: string;
  asked: readonly Asked[];
  /** From now on, and with nothing asked yet. */
  answerWith: (replies: Replies) => void;
  close: () => Promise<void>;
}

/** What `vite build` made. */
const PAGES = join(import.meta.dirname, '../../services/user-portal/web/dist');
const NAMES = new Map(Object.entries(CALLS).map(([name, { path }]) => [path as string, name as CallName]));
const TYPES: Readonly<Record<string, string>> = { '.js': 'text/javascript', '.css': 'text/css' };

/**
 * The built pages, under the policy of the real portal, and an API that answers as a test wants.
 */
export async function startStandIn(): Promise<StandIn> {
  if (!existsSync(join(PAGES, 'index.html')))
    throw new Error('the pages are not built: npm start and npm test do that');
  let replies: Replies = {};
  let asked: Asked[] = [];

  const answerCall = async (name: CallName, request: IncomingMessage, response: ServerResponse) => {
    const input: unknown = JSON.parse(await text(request));
    const key = request.headers['idempotency-key'];
    asked.push({ name, input, key: typeof key === 'string' ? key : undefined });
    if (request.headers['x-countersign'] !== 'portal') return sendJson(response, 403, { code: 'FORBIDDEN' });
    const given = replies[name] as Reply<CallName> | ((input: unknown, asked: readonly Asked[]) => Reply<CallName>);
    const reply = typeof given === 'function' ? given(input, asked) : given;
    if (reply === undefined) return sendJson(response, 500, { code: 'INTERNAL' });
    if ('lose' in reply) {
      response.writeHead(200, { 'content-type': 'application/json', 'content-length': 100 });
      return response.write('{', () => response.destroy());
    }
    if (!('refuse' in reply)) return sendJson(response, 200, reply);
    if (reply.retryAfterSeconds !== undefined) response.setHeader('retry-after', reply.retryAfterSeconds);
    return sendJson(response, reply.status, { code: reply.refuse });
  };

  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url ?? '/', 'http://portal');
    const name = request.method === 'POST' ? NAMES.get(pathname) : undefined;
    if (name !== undefined) void answerCall(name, request, response);
    else if (pathname.startsWith('/assets/')) sendAsset(response, join(PAGES, normalize(pathname)));
    else sendPage(response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    // Passkeys are for names, not for addresses.
    origin: `http://localhost:${port}`,
    get asked() {
      return asked;
    },
    answerWith: (next) => {
      replies = next;
      asked = [];
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function sendJson(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { 'content-type': 'application/json', 'cache-control': 'no-store' });
  response.end(JSON.stringify(body));
}

function sendPage(response: ServerResponse): void {
  const nonce = newNonce();
  response.writeHead(200, {
    ...PORTAL_HEADERS,
    'content-security-policy': contentSecurityPolicy({ nonce }),
    'content-type': 'text/html; charset=utf-8',
  });
  response.end(readFileSync(join(PAGES, 'index.html'), 'utf8').replaceAll('__NONCE__', nonce));
}

/** Squeezed, as every browser takes it. */
function sendAsset(response: ServerResponse, path: string): void {
  try {
    const bytes = readFileSync(`${path}.br`);
    response.writeHead(200, { 'content-type': TYPES[extname(path)] ?? '', 'content-encoding': 'br' });
    response.end(bytes);
  } catch {
    response.writeHead(404);
    response.end();
  }
}
