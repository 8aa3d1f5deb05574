import { generateKeyPairSync } from 'node:crypto';
import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import { jwtVerify } from 'jose';
import { listen, type LocalTls } from './tls.ts';

/** What it does with messages: a number answers with that status and FCM's own word for it, where one is given. */
export type FcmBehaviour = number | 'hang' | readonly [status: number, errorCode: string];

export interface FakeFcm {
  readonly url: string;
  /** The key file of the service account that it knows. */
  readonly accountFile: string;
  readonly messages: { path: string; headers: IncomingHttpHeaders; body: string }[];
  /** Requests for a token, refused ones included. */
  tokensAsked: number;
  behave(behaviour: FcmBehaviour): void;
  /** The token endpoint refuses, or never answers. */
  behaveAtTokens(behaviour: 'grant' | 'refuse' | 'hang'): void;
  /** No token that was given out so far is good any more. */
  revoke(): void;
  stop(): Promise<void>;
}

const SCOPE = 'https://www.googleapis.com/auth/firebase.messaging';
const TOKEN_SECONDS = 3599;

/** Google's token endpoint and FCM HTTP v1 in one. @param now as the clock of whoever calls says. */
export async function startFakeFcm({ key, cert }: LocalTls, now: () => number): Promise<FakeFcm> {
  const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const good = new Set<string>();
  let behaviour: FcmBehaviour = 200;
  let atTokens: Parameters<FakeFcm['behaveAtTokens']>[0] = 'grant';

  const server = createServer({ key, cert }, (request, response) => {
    void readBody(request).then((body) =>
      request.url === '/token' ? giveToken(response, body) : takeMessage(request, response, body),
    );
  });

  /** @see RFC 7523 sections 2.1 and 3 */
  async function giveToken(response: ServerResponse, body: string): Promise<void> {
    fake.tokensAsked += 1;
    if (atTokens === 'hang') return;
    const form = new URLSearchParams(body);
    const isGood = await jwtVerify(form.get('assertion') ?? '', publicKey, {
      algorithms: ['RS256'],
      issuer: 'push@example-project.iam.gserviceaccount.com',
      audience: `${fake.url}/token`,
      maxTokenAge: 3600,
      requiredClaims: ['iat', 'exp'],
      currentDate: new Date(now()),
    }).then(
      ({ payload, protectedHeader }) => payload['scope'] === SCOPE && protectedHeader.kid === 'key-1',
      () => false,
    );
    const isGrant = form.get('grant_type') === 'urn:ietf:params:oauth:grant-type:jwt-bearer';
    if (atTokens === 'refuse' || !isGood || !isGrant) return reply(response, 400, { error: 'invalid_grant' });
    const token = `ya29.token-${fake.tokensAsked}`;
    good.add(token);
    return reply(response, 200, { access_token: token, expires_in: TOKEN_SECONDS, token_type: 'Bearer' });
  }

  function takeMessage(request: IncomingMessage, response: ServerResponse, body: string): void {
    const { url: path = '', headers } = request;
    fake.messages.push({ path, headers, body });
    const [, token = ''] = /^Bearer (.+)$/.exec(headers.authorization ?? '') ?? [];
    if (!good.has(token)) return reply(response, 401, { error: { code: 401, status: 'UNAUTHENTICATED' } });
    if (behaviour === 'hang') return undefined;
    if (behaviour === 200) return reply(response, 200, { name: 'projects/example-project/messages/0:1' });
    const [status, errorCode] = typeof behaviour === 'number' ? [behaviour] : behaviour;
    const type = 'type.googleapis.com/google.firebase.fcm.v1.FcmError';
    const details = errorCode === undefined ? [] : [{ '@type': type, errorCode }];
    return reply(response, status, { error: { code: status, message: `token ${body}`, details } });
  }

  const port = await listen(server);
  const fake: FakeFcm = {
    url: `https://localhost:${port}`,
    accountFile: JSON.stringify({
      type: 'service_account',
      project_id: 'example-project',
      private_key_id: 'key-1',
      private_key: privateKey.export({ type: 'pkcs8', format: 'pem' }),
      client_email: 'push@example-project.iam.gserviceaccount.com',
      client_id: '1',
      token_uri: `https://localhost:${port}/token`,
    }),
    messages: [],
    tokensAsked: 0,
    behave: (next) => void (behaviour = next),
    behaveAtTokens: (next) => void (atTokens = next),
    revoke: () => good.clear(),
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
  return fake;
}

async function readBody(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
  return Buffer.concat(chunks).toString('utf8');
}

function reply(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}
