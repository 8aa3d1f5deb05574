import type { IncomingHttpHeaders, ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import { importJWK, jwtVerify } from 'jose';
import { listen, type LocalTls } from './tls.ts';

/** A number answers with that status; `endless` says 201 and never finishes its body, `flood` says it and never stops talking. */
export type PushBehaviour = number | 'hang' | 'die' | 'endless' | 'flood';

export interface FakePushService {
  /** As it stands in an allow-list, and for phones. */
  readonly host: string;
  readonly endpoint: string;
  readonly requests: { path: string; headers: IncomingHttpHeaders; body: string }[];
  /** Why requests were refused. */
  readonly complaints: string[];
  /** Connections that were opened. */
  connections: number;
  behave(behaviour: PushBehaviour): void;
  stop(): Promise<void>;
}

/** A push service that admits whom RFC 8292 admits: holders of the key with which the phone subscribed. */
export async function startFakePushService({ key, cert }: LocalTls, applicationKey: string): Promise<FakePushService> {
  const requests: FakePushService['requests'] = [];
  const complaints: string[] = [];
  let behaviour: PushBehaviour = 201;

  const server = createServer({ key, cert }, (request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const { url: path = '', headers } = request;
      requests.push({ path, headers, body: Buffer.concat(chunks).toString('utf8') });
      void complaintAbout(headers).then((complaint) => {
        if (complaint !== undefined) {
          complaints.push(complaint);
          return response.writeHead(403).end();
        }
        if (behaviour === 'hang') return undefined;
        if (behaviour === 'die') return request.socket.destroy();
        if (behaviour === 'endless') return response.writeHead(201).write('so far');
        if (behaviour === 'flood') return pour(response.writeHead(201));
        if (behaviour >= 300 && behaviour <= 399) response.setHeader('location', `https://${fake.host}/moved`);
        return response.writeHead(behaviour).end();
      });
    });
  });

  /** @see RFC 8030 section 5, RFC 8292 sections 2 and 3 */
  async function complaintAbout({ authorization, ttl, urgency }: IncomingHttpHeaders): Promise<string | undefined> {
    if (!/^\d+$/.test(String(ttl))) return 'no TTL';
    if (urgency !== 'high') return 'no urgency';
    const [, token, publicKey] = /^vapid t=([\w.-]+), k=([\w-]+)$/.exec(authorization ?? '') ?? [];
    if (token === undefined || publicKey !== applicationKey) return 'another key';
    const point = Buffer.from(publicKey, 'base64url');
    const [x, y] = [point.subarray(1, 33).toString('base64url'), point.subarray(33).toString('base64url')];
    try {
      const { payload } = await jwtVerify(token, await importJWK({ kty: 'EC', crv: 'P-256', x, y }, 'ES256'), {
        algorithms: ['ES256'],
        audience: `https://${fake.host}`,
        requiredClaims: ['exp', 'sub'],
      });
      const lifeSeconds = (payload.exp ?? 0) - Date.now() / 1000;
      return lifeSeconds > 24 * 3600 ? 'lives too long' : undefined;
    } catch (error) {
      return String(error);
    }
  }

  const port = await listen(server);
  const fake: FakePushService = {
    host: `localhost:${port}`,
    endpoint: `https://localhost:${port}/wpush/v2/gAAAAABsecretOfThePhone`,
    requests,
    complaints,
    connections: 0,
    behave: (next) => void (behaviour = next),
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
  server.on('connection', () => (fake.connections += 1));
  return fake;
}

function pour(response: ServerResponse): void {
  if (response.destroyed) return;
  response.write('x'.repeat(16_384));
  setTimeout(() => pour(response), 1);
}
