import { createHash, timingSafeEqual } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import Fastify, { type FastifyInstance } from 'fastify';
import { keepMessages, type Message } from './messages.ts';

export interface InboxOptions {
  /** What a sender must present; at least 16 characters. */
  token: string;
  now: () => number;
  newId: () => string;
  /** An address to be opened by, beside those of this machine. */
  host?: string;
  file?: string;
}

/** As many as a busy day of development brings. */
const CAPACITY = 5000;
const DEFAULT_LIMIT = 1000;
const MAX_FOLLOWERS = 50;

const PAGE = join(import.meta.dirname, 'page');
const FILES = {
  '/': { name: 'index.html', type: 'text/html; charset=utf-8' },
  '/inbox.css': { name: 'inbox.css', type: 'text/css; charset=utf-8' },
  '/inbox.js': { name: 'inbox.js', type: 'text/javascript; charset=utf-8' },
} as const;

const HEADERS = {
  'content-security-policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; base-uri 'none'; " +
    "form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'",
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
  'cache-control': 'no-store',
};

const NewMessage = {
  type: 'object',
  required: ['channel', 'to', 'text'],
  properties: {
    channel: { type: 'string', minLength: 1, maxLength: 32 },
    to: { type: 'string', minLength: 1, maxLength: 320 },
    text: { type: 'string', maxLength: 4096 },
    reference: { type: 'string', maxLength: 256 },
  },
} as const;

const Search = {
  type: 'object',
  properties: {
    to: { type: 'string', maxLength: 320 },
    limit: { type: 'integer', minimum: 1, maximum: CAPACITY, default: DEFAULT_LIMIT },
  },
} as const;

/**
 * The development inbox: where SMS, calls and e-mail of the development stack end up instead of leaving the house. Anybody on
 * this machine may read it, so it is never part of an installation.
 */
export function createInbox(options: InboxOptions): FastifyInstance {
  if (options.token.length < 16) throw new RangeError('the token of the inbox needs 16 characters');
  const messages = keepMessages({ capacity: CAPACITY, ...(options.file !== undefined && { file: options.file }) });
  const app = Fastify({ bodyLimit: 16 * 1024, forceCloseConnections: true });
  let followers = 0;

  app.addHook('onRequest', async (request, reply) => {
    void reply.headers(HEADERS);
    // A page of the internet whose name was pointed at 127.0.0.1 must not read codes (DNS rebinding).
    const opened = (request.headers.host ?? '').replace(/:\d+$/, '').toLowerCase();
    if (!['localhost', '127.0.0.1', '[::1]', options.host].includes(opened)) {
      return reply.code(403).send({ error: 'Open the inbox as localhost.' });
    }
    return undefined;
  });

  for (const [path, { name, type }] of Object.entries(FILES)) {
    const content = readFileSync(join(PAGE, name));
    app.get(path, (_request, reply) => reply.type(type).send(content));
  }

  app.get('/health/live', () => ({ status: 'ok' }));

  app.post<{ Body: Pick<Message, 'channel' | 'to' | 'text' | 'reference'> }>(
    '/api/messages',
    { schema: { body: NewMessage } },
    (request, reply) => {
      if (!isBearer(request.headers.authorization, options.token)) {
        return reply.code(401).header('www-authenticate', 'Bearer').send({ error: 'The token is missing or wrong.' });
      }
      const { channel, to, text, reference } = request.body;
      const at = new Date(options.now()).toISOString();
      const message = { id: options.newId(), channel, to, text, at, ...(reference !== undefined && { reference }) };
      messages.add(message);
      return reply.code(201).send({ id: message.id });
    },
  );

  app.get<{ Querystring: { to?: string; limit: number } }>(
    '/api/messages',
    { schema: { querystring: Search } },
    (request) => messages.find(request.query),
  );

  app.get('/api/messages/stream', (request, reply) => {
    if (followers >= MAX_FOLLOWERS) return reply.code(503).send({ error: 'Too many pages follow the inbox.' });
    followers += 1;
    reply.hijack();
    reply.raw.writeHead(200, { ...HEADERS, 'content-type': 'text/event-stream' });
    reply.raw.write('retry: 1000\n\n');
    // JSON has no line breaks of its own, so one message is one line of the stream.
    const unfollow = messages.follow((message) =>
      reply.raw.write(`id: ${message.id}\ndata: ${JSON.stringify(message)}\n\n`),
    );
    const pulse = setInterval(() => reply.raw.write(':\n\n'), 15_000);
    request.raw.once('close', () => {
      followers -= 1;
      clearInterval(pulse);
      unfollow();
    });
    return reply;
  });

  return app;
}

function isBearer(header: string | undefined, token: string): boolean {
  const given = /^Bearer ([^\s]+)$/i.exec(header ?? '')?.[1] ?? '';
  return timingSafeEqual(digest(given), digest(token));
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
