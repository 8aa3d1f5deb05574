import type { KeyObject } from 'node:crypto';
import {
  createSecureServer,
  type IncomingHttpHeaders,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from 'node:http2';
import { decodeJwt, jwtVerify } from 'jose';
import { listen, type LocalTls } from './tls.ts';

/** A number answers with that status and Apple's own word for it, where one is given; `die` cuts the connection. */
export type ApnsBehaviour = number | 'hang' | 'die' | 'goaway' | readonly [status: number, reason: string];

export interface FakeApns {
  readonly url: string;
  readonly requests: { headers: IncomingHttpHeaders; body: string }[];
  /** When the tokens that were shown were made, in seconds, each once. */
  readonly tokensMadeAt: Set<number>;
  connections: number;
  behave(behaviour: ApnsBehaviour): void;
  stop(): Promise<void>;
}

export interface KnownKey {
  publicKey: KeyObject;
  keyId: string;
  teamId: string;
  /** As the clock of whoever calls says. */
  now: () => number;
}

/** Apple's push service, as far as it says who may send. */
export async function startFakeApns({ key, cert }: LocalTls, known: KnownKey): Promise<FakeApns> {
  const sessions = new Set<ServerHttp2Session>();
  let behaviour: ApnsBehaviour = 200;

  const server = createSecureServer({ key, cert });
  server.on('session', (session) => {
    fake.connections += 1;
    sessions.add(session);
    session.on('close', () => sessions.delete(session));
    session.on('error', () => undefined);
  });
  server.on('stream', (stream: ServerHttp2Stream, headers) => {
    let body = '';
    stream.on('error', () => undefined);
    stream.setEncoding('utf8').on('data', (text: string) => (body += text));
    stream.on('end', () => {
      fake.requests.push({ headers, body });
      void complaintAbout(headers).then((complaint) => {
        if (complaint !== undefined) return reply(stream, 403, complaint);
        if (behaviour === 'hang') return undefined;
        if (behaviour === 'die') return stream.session?.destroy();
        if (behaviour === 'goaway') {
          reply(stream, 200);
          return stream.session?.goaway();
        }
        return typeof behaviour === 'number' ? reply(stream, behaviour) : reply(stream, ...behaviour);
      });
    });
  });

  /** In Apple's words. A token is good for an hour. */
  async function complaintAbout({ authorization = '' }: IncomingHttpHeaders): Promise<string | undefined> {
    const [, token] = /^bearer (.+)$/.exec(authorization) ?? [];
    if (token === undefined) return 'MissingProviderToken';
    fake.tokensMadeAt.add(decodeJwt(token).iat ?? 0);
    return jwtVerify(token, known.publicKey, {
      algorithms: ['ES256'],
      issuer: known.teamId,
      maxTokenAge: 3600,
      currentDate: new Date(known.now()),
    }).then(
      ({ protectedHeader }) => (protectedHeader.kid === known.keyId ? undefined : 'InvalidProviderToken'),
      (error: { code?: string }) =>
        error.code === 'ERR_JWT_EXPIRED' ? 'ExpiredProviderToken' : 'InvalidProviderToken',
    );
  }

  const port = await listen(server);
  const fake: FakeApns = {
    url: `https://localhost:${port}`,
    requests: [],
    tokensMadeAt: new Set(),
    connections: 0,
    behave: (next) => void (behaviour = next),
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const session of sessions) session.destroy();
      }),
  };
  return fake;
}

function reply(stream: ServerHttp2Stream, status: number, reason?: string): void {
  if (stream.destroyed) return;
  stream.respond({ ':status': status });
  stream.end(reason === undefined ? '' : JSON.stringify({ reason, timestamp: 1 }));
}
