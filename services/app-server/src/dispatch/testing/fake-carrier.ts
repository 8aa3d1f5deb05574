import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

/** What the carrier does with the next requests. A number answers with that status and takes nothing. */
export type Behaviour =
  | 'accept'
  | 'hang'
  /** Reads the request and cuts the connection without having taken the message. */
  | 'die'
  /** Takes the message and cuts the connection before it says so. */
  | 'acceptAndDie'
  /** Takes the message and never says so. */
  | 'acceptAndHang'
  /** Answers `accept` after so many milliseconds, in words: `accept after 1500`. */
  | `accept after ${number}`
  /** Takes the message, says so, and cuts the connection in the middle of the answer's body. */
  | 'acceptAndCut'
  /** 200 with a word that is not the agreed one. */
  | 'no'
  | number;

export interface TakenText {
  to: string;
  text: string;
  reference?: string | undefined;
  lifeSeconds?: number | undefined;
  from?: string | undefined;
  statusCallback?: string | undefined;
  idempotencyKey?: string | undefined;
  at: number;
}

export interface FakeCarrier {
  readonly url: string;
  readonly taken: TakenText[];
  /** Requests that arrived, taken or not. */
  readonly requests: { method: string; path: string; headers: IncomingMessage['headers']; body: string }[];
  behave(...behaviours: Behaviour[]): void;
  stop(): Promise<void>;
  /** On the same port as before. */
  start(): Promise<void>;
}

/** A message gateway that speaks the protocols of the presets: Twilio's form and the generic JSON. */
export async function startFakeCarrier(credentials: {
  user: string;
  password: string;
  token: string;
}): Promise<FakeCarrier> {
  const taken: TakenText[] = [];
  const requests: FakeCarrier['requests'] = [];
  const sockets = new Set<Socket>();
  let plan: Behaviour[] = ['accept'];
  let port = 0;
  let count = 0;

  const server = createServer((request, response) => {
    void readBody(request).then((body) => answer(request, response, body));
  });
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
  });

  async function answer(request: IncomingMessage, response: ServerResponse, body: string): Promise<void> {
    const { method = '', url = '', headers } = request;
    requests.push({ method, path: url, headers, body });
    const behaviour = plan.length > 1 ? (plan.shift() ?? 'accept') : (plan[0] ?? 'accept');
    const text = url.startsWith('/2010-04-01/') ? fromForm(body) : fromJson(body, headers);
    const isTwilio = url.startsWith('/2010-04-01/');
    if (!isKnown(headers.authorization, isTwilio)) return reply(response, 401, { code: 20003 });
    if (text === undefined) return reply(response, 400, { code: 21211 });
    if (behaviour === 'hang') return;
    if (behaviour === 'die') return void request.socket.destroy();
    if (typeof behaviour === 'number') return reply(response, behaviour, { code: 30000 + behaviour });
    if (behaviour === 'no') return reply(response, 200, { status: 'rejected', code: 'NO_ROUTE' });
    taken.push({ ...text, at: performance.now() });
    count += 1;
    if (behaviour === 'acceptAndHang') return;
    if (behaviour === 'acceptAndDie') return void request.socket.destroy();
    if (behaviour === 'acceptAndCut') {
      response.writeHead(201, { 'content-type': 'application/json', 'content-length': '1000' });
      response.write('{"sid":', () => request.socket.destroy());
      return;
    }
    const answerAfterMs = typeof behaviour === 'string' ? Number(behaviour.split(' ')[2] ?? 0) : 0;
    if (answerAfterMs > 0) await sleep(answerAfterMs);
    reply(response, 201, isTwilio ? { sid: `SM${count}`, status: 'queued' } : { id: `m${count}`, status: 'accepted' });
  }

  function isKnown(authorization: string | undefined, isTwilio: boolean): boolean {
    const basic = Buffer.from(`${credentials.user}:${credentials.password}`).toString('base64');
    return authorization === (isTwilio ? `Basic ${basic}` : `Bearer ${credentials.token}`);
  }

  async function start(): Promise<void> {
    await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
    ({ port } = server.address() as AddressInfo);
  }
  await start();

  return {
    get url() {
      return `http://127.0.0.1:${port}`;
    },
    taken,
    requests,
    behave: (...behaviours) => {
      plan = behaviours;
    },
    start,
    stop: async () => {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}

function fromForm(body: string): Omit<TakenText, 'at'> | undefined {
  const form = new URLSearchParams(body);
  const [to, text] = [form.get('To'), form.get('Body')];
  if (to === null || text === null) return undefined;
  return {
    to,
    text,
    lifeSeconds: Number(form.get('ValidityPeriod')),
    from: form.get('From') ?? form.get('MessagingServiceSid') ?? undefined,
    statusCallback: form.get('StatusCallback') ?? undefined,
  };
}

function fromJson(body: string, headers: IncomingMessage['headers']): Omit<TakenText, 'at'> | undefined {
  try {
    const message = JSON.parse(body) as Omit<TakenText, 'at'>;
    if (typeof message.to !== 'string' || typeof message.text !== 'string') return undefined;
    const idempotencyKey = headers['idempotency-key'];
    return { ...message, ...(typeof idempotencyKey === 'string' && { idempotencyKey }) };
  } catch {
    return undefined;
  }
}

function reply(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}

async function readBody(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString('utf8');
}
