import { createHash, randomUUID } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { applicationRotate, authenticatorConfirm, authenticatorEnrol, userCreate } from '@countersign/contracts';
import { totpCode, totpStep, base32Decode } from '@countersign/otp';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { nextTotpCode, startStack, type Stack } from '../stack.ts';

/**
 * R24: after logins of every kind, wrong codes, bad requests and accidents, none of the secrets that went through the system is
 * found in what it writes or shows.
 */
let stack: Stack;
/** What must not be found, by what it is. */
const secrets = new Map<string, string>();

beforeAll(async () => {
  stack = await startStack({
    appServerEnvironment: { COUNTERSIGN_LOG_LEVEL: 'debug' },
    sdkGatewayEnvironment: { COUNTERSIGN_LOG_LEVEL: 'debug' },
  });
  await useEverything();
  // Projected, dispatched, logged.
  await new Promise((resolve) => setTimeout(resolve, 3000));
});
afterAll(() => stack?.stop());

async function useEverything(): Promise<void> {
  const [one, two] = stack.gateways.map(({ url }) => url) as [string, string];
  for (let n = 0; n < 4; n++) {
    const user = await stack.addUser({ totp: true });
    secrets.set(`phone ${n}`, user.phone ?? '');
    secrets.set(`TOTP secret ${n}`, user.totpSecret ?? '');
    secrets.set(`TOTP secret in hex ${n}`, Buffer.from(user.totp?.secret ?? []).toString('hex'));
    secrets.set(
      `TOTP secret in base64 ${n}`,
      Buffer.from(user.totp?.secret ?? [])
        .toString('base64')
        .replace(/=+$/, ''),
    );
    const idempotencyKey = randomUUID();
    const bySms = await stack.client.start(one, { username: user.username, method: 'sms' }, { idempotencyKey });
    const id = bySms.body.challengeId ?? '';
    const code = await stack.inbox.code(user.phone);
    secrets.set(`SMS code ${n}`, code);
    const wrong = String((Number(code) + 1) % 1_000_000).padStart(6, '0');
    secrets.set(`wrong code ${n}`, wrong);
    await stack.client.verify(two, id, wrong);
    const verified = await stack.client.verify(two, id, code, { idempotencyKey: randomUUID() });
    expect(verified.status, verified.text).toBe(200);
    secrets.set(`signed result ${n}`, verified.body.result ?? '');
    const byTotp = await stack.client.start(two, { username: user.username, method: 'totp' });
    const totp = nextTotpCode(user);
    secrets.set(`TOTP code ${n}`, totp);
    expect((await stack.client.verify(one, byTotp.body.challengeId ?? '', totp)).status).toBe(200);
    // Whatever is wrong about a request, what was in it is not written down.
    await stack.client.request(one, 'POST', `/v1/challenges/${id}/verify`, {
      body: `{"code":"${code}", "phone":"${user.phone}"`,
    });
    await stack.client.request(one, 'GET', `/v1/challenges/${id}?code=${code}`);
    await stack.client.request(one, 'GET', `/v1/nothing/${code}`, {
      headers: { 'x-code': code, referer: `https://x/${code}` },
    });
  }

  const { userId } = await stack.admin(userCreate, { username: 'enrols-over-https' });
  const enrolled = await stack.admin(authenticatorEnrol, { userId, type: 'totp' });
  secrets.set('TOTP secret of an enrolment', enrolled.secret ?? '');
  const secret = base32Decode(enrolled.secret ?? '')!;
  const code = totpCode({ secret, algorithm: 'SHA1', digits: 6, periodSeconds: 30 }, totpStep(Date.now(), 30));
  await stack.admin(authenticatorConfirm, { userId, authenticatorId: enrolled.authenticatorId, code });

  const { applicationId, apiKey } = await stack.addApplication(['challenge']);
  const rotated = await stack.admin(applicationRotate, { applicationId, overlapSeconds: 60 });
  const keys = [stack.adminApiKey, stack.application.apiKey, apiKey, rotated.apiKey];
  for (const [n, key] of keys.entries()) {
    const part = key.split('_').slice(2).join('_');
    secrets.set(`API key ${n}`, part);
    // Whoever holds the digest can call: over the bus it is as good as the key.
    secrets.set(`digest of API key ${n}`, createHash('sha256').update(part).digest('base64url'));
  }
  secrets.set('key ring', stack.keyRing.split(':')[1] ?? '');
  secrets.set('database password', new URL(stack.postgres.primary.url).password);
  secrets.set('NATS password of app-server', stack.appServers[0]?.environment['COUNTERSIGN_NATS_PASSWORD'] ?? '');
  secrets.set('NATS password of sdk-gateway', stack.gateways[0]?.environment['COUNTERSIGN_NATS_PASSWORD'] ?? '');
  secrets.set('token of the inbox', stack.appServers[0]?.environment['INBOX_TOKEN'] ?? '');
}

/** Six digits stand in times and sequences by chance: there, only as a value or word of its own counts. */
function isIn(content: string, secret: string): boolean {
  if (!/^[0-9]{6}$/.test(secret)) return content.includes(secret);
  return new RegExp(`(?<![0-9.A-Za-z_-])${secret}(?![0-9A-Za-z_-])`).test(content);
}

function found(places: [string, string][]): string[] {
  expect(places.length, 'nothing was looked at: mend this test').toBeGreaterThan(0);
  expect(secrets.size).toBeGreaterThan(30);
  for (const [what, secret] of secrets) expect(secret.length, what).toBeGreaterThan(5);
  return places.flatMap(([place, content]) =>
    [...secrets].filter(([, secret]) => isIn(content, secret)).map(([what]) => `${what} in ${place}`),
  );
}

function filesBelow(dir: string): [string, string][] {
  return readdirSync(dir, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .map((path) => [path.slice(stack.dir.length), readFileSync(path, 'latin1')]);
}

test('the search finds what is there', () => {
  const secret = secrets.get('SMS code 0') ?? '';
  expect(found([['here', `{"code":"${secret}"}`]])).toEqual(['SMS code 0 in here']);
  expect(found([['here', `1.${secret}77`]])).toEqual([]);
});

test('R24: no secret in any log, at the level debug', () => {
  const logs = filesBelow(stack.logs);
  expect(logs.length).toBeGreaterThanOrEqual(7);
  expect(logs.map(([, content]) => content).join('')).toContain('http.request');
  expect(found(logs)).toEqual([]);
});

test('R24: no secret in what NATS stores: ledger, trail, queue, budgets, remembered answers', () => {
  const files = filesBelow(join(stack.dir, 'nats', 'jetstream'));
  expect(files.map(([, content]) => content).join(''), 'the streams were read').toContain('challenge.approved');
  expect(found(files)).toEqual([]);
});

test('R24: no secret in any row of any table, audit included', async () => {
  const tables = await stack.sql<{ name: string }>(
    `select format('%I.%I', table_schema, table_name) as name from information_schema.tables
     where table_schema not in ('pg_catalog', 'information_schema') and table_type = 'BASE TABLE'`,
  );
  const dumps = await Promise.all(
    tables.map(async ({ name }): Promise<[string, string]> => {
      const rows = await stack.sql<{ row: string }>(`select t::text as row from ${name} t`);
      return [name, rows.map(({ row }) => row).join('\n')];
    }),
  );
  expect(dumps.map(([, content]) => content).join(''), 'the audit was read').toContain('challenge.approved');
  expect(found(dumps)).toEqual([]);
});

test('R24: no secret in the metrics or the health of any process', async () => {
  const pages = await Promise.all(
    [...stack.appServers, ...stack.gateways].flatMap(({ url }) =>
      ['/metrics', '/health/ready'].map(async (path): Promise<[string, string]> => {
        const { text } = await stack.client.request(url, 'GET', path);
        return [`${url}${path}`, text];
      }),
    ),
  );
  expect(pages.map(([, content]) => content).join('')).toContain('countersign_http_request_seconds');
  expect(found(pages)).toEqual([]);
});

test('R24: no secret on the command line of any process', () => {
  const pids = [...stack.appServers, ...stack.gateways, stack.nats].map(({ pid }) => pid);
  const lines = pids.map((pid): [string, string] => [`process ${pid}`, readFileSync(`/proc/${pid}/cmdline`, 'utf8')]);
  expect(found(lines)).toEqual([]);
});
