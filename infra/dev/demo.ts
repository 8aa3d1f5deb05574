import { createPublicKey, verify, type webcrypto } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { readDevFile, type DevFile } from './dev-file.ts';
import { codeIn, inbox, newMessage } from './demo-inbox.ts';
import { createJsonClient, type JsonAnswer, type JsonClient } from './https-json.ts';
import { layout } from './layout.ts';
import { showRadiusLogin } from './demo-radius.ts';

/** NATS picks an app-server by chance; so many logins until start and verify land on different ones. */
const MOST_LOGINS = 8;

/**
 * The main job before your eyes: a login that is started on one gateway and answered through the other, and the same over RADIUS.
 * @throws Error when any step does not end as it must.
 */
export async function runDemo(dev: DevFile, say: (line: string) => void): Promise<void> {
  const client = createJsonClient({ ca: readFileSync(dev.ca, 'utf8'), apiKey: dev.apiKey });
  try {
    for (let login = 1; login <= MOST_LOGINS; login++) {
      const [started, answered] = await logIn(dev, client, say);
      if (started !== answered || login === MOST_LOGINS) break;
      say(`  Both steps happened to land on ${started}. Once more, until they do not:`);
    }
  } finally {
    client.close();
  }
  await showRadiusLogin(dev, say);
}

/** @returns the app-servers that started and that answered. */
async function logIn(dev: DevFile, client: JsonClient, say: (line: string) => void): Promise<[string, string]> {
  const [first = '', second = first] = dev.sdkGateways;
  const [user] = dev.users;
  if (user === undefined) throw new Error('there is no demo user');
  const tell = (step: string, where: string, ms: number, what: string) =>
    say(`  ${step.padEnd(7)} ${where.padEnd(30)} ${`${Math.round(ms)} ms`.padStart(8)}   ${what}`);
  say(`Login of ${user.username} by SMS, for the application "${dev.application}":`);

  const before = await inbox(dev, user.phone);
  const context = { ip: '203.0.113.7', device: 'Firefox on Debian', location: 'Riga' };
  const startedAt = performance.now();
  const started = await client.send('POST', `${first}/v1/challenges`, {
    username: user.username,
    method: 'sms',
    context,
  });
  expectStatus(started, 201, 'start');
  tell('start', replicas(started), started.ms, text(started, 'prompt'));

  const { message, ms } = await newMessage(dev, user.phone, before, startedAt);
  const code = codeIn(message);
  tell('SMS', 'inbox', ms, JSON.stringify(message.split('\n')[0]));

  const address = `/v1/challenges/${text(started, 'challengeId')}/verify`;
  const answered = await client.send('POST', `${second}${address}`, { code });
  expectStatus(answered, 200, 'verify');
  tell('verify', replicas(answered), answered.ms, `code ${code}: ${text(answered, 'state')}`);

  const again = await client.send('POST', `${first}${address}`, { code });
  expectStatus(again, 409, 'the same code again');
  tell('again', replicas(again), again.ms, `the same code: refused, ${text(again, 'code')}`);

  const keys = await client.send('GET', `${second}/.well-known/jwks.json`);
  expectStatus(keys, 200, 'jwks.json');
  const checkedAt = performance.now();
  const claims = verifyResult(text(answered, 'result'), keys.body['keys'] as PublicKey[], dev);
  const what = `signed result: ${claims['username'] as string}, ${(claims['amr'] as string[]).join(' + ')}, key from jwks.json`;
  tell('check', 'offline', performance.now() - checkedAt, what);
  return [appServerOf(started), appServerOf(answered)];
}

type PublicKey = webcrypto.JsonWebKey & { kid?: string };

/**
 * What a relying application does with a result before it believes it: signature, audience, time (RFC 7519 section 7.2, RFC 8725).
 * Nothing is asked of the server; the keys may have been fetched long ago.
 */
function verifyResult(result: string, keys: readonly PublicKey[], dev: DevFile): Record<string, unknown> {
  const [head = '', payload = '', signature = ''] = result.split('.');
  const header = decode(head);
  const key = keys.find(({ kid }) => kid === header['kid']);
  if (key === undefined || header['alg'] !== 'ES256') throw new Error('the result is signed with an unknown key');
  const isGood = verify(
    'sha256',
    Buffer.from(`${head}.${payload}`),
    { key: createPublicKey({ key, format: 'jwk' }), dsaEncoding: 'ieee-p1363' },
    Buffer.from(signature, 'base64url'),
  );
  if (!isGood) throw new Error('the signature of the result is wrong');
  const claims = decode(payload);
  if (claims['aud'] !== dev.applicationId) throw new Error('the result was made for another application');
  if (Number(claims['exp']) * 1000 < Date.now()) throw new Error('the result is too old');
  return claims;
}

function decode(part: string): Record<string, unknown> {
  return JSON.parse(Buffer.from(part, 'base64url').toString()) as Record<string, unknown>;
}

function replicas({ headers }: JsonAnswer): string {
  return String(headers['countersign-replica'] ?? '').replace(', ', ' → ');
}

function appServerOf({ headers }: JsonAnswer): string {
  return String(headers['countersign-replica'] ?? '').split(', ')[1] ?? '';
}

function text({ body }: JsonAnswer, field: string): string {
  return String(body[field]);
}

function expectStatus(answer: JsonAnswer, status: number, step: string): void {
  if (answer.status === status) return;
  throw new Error(`${step}: status ${answer.status} instead of ${status}: ${JSON.stringify(answer.body)}`);
}

if (import.meta.main) {
  try {
    await runDemo(readDevFile(layout(process.env).devFile), (line) => console.log(line));
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    const away = error instanceof Error && 'code' in error && error.code === 'ECONNREFUSED';
    console.error(
      away
        ? `One of its processes does not answer (${reason}). Is npm start running? What was killed is there again within seconds.`
        : `The demo failed: ${reason}`,
    );
    process.exitCode = 1;
  }
}
