import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { clusterStatus, edgeStatus, OutputOf } from '@countersign/contracts';
import { base32Decode, totpCode, totpStep } from '@countersign/otp';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { commandLine } from '../command-line.ts';
import { startStack, waitUntil, type Stack } from '../stack.ts';

const folder = mkdtempSync(join(tmpdir(), 'command-line-'));
let stack: Stack;

beforeAll(async () => {
  stack = await startStack({ sdkGateways: 1 });
});
afterAll(async () => {
  await stack?.stop();
  rmSync(folder, { recursive: true, force: true });
});

const countersign = (...words: string[]) => commandLine(stack, folder, words);

async function json<T = Record<string, unknown>>(...words: string[]): Promise<T> {
  const { code, out, err } = await countersign(...words, '--json');
  if (code !== 0) throw new Error(`countersign ${words.join(' ')} ended with ${code}: ${err}`);
  return JSON.parse(out) as T;
}

interface Finding {
  where: string;
  name: string;
  level: string;
  detail: string;
}

test('a user made, enrolled, blocked, let through once and deleted by the command line, and the audit that remains', async () => {
  const name = 'dora';
  const made = await json<{ userId: string }>('users', 'create', name, '--alias', 'dora@example.com');
  expect((await countersign('users', 'create', 'DORA')).code).toBe(6);

  const { secret, authenticatorId } = await json<Record<'secret' | 'authenticatorId', string>>(
    'authenticators',
    'add-totp',
    'Dora@Example.com',
  );
  const bytes = base32Decode(secret);
  if (bytes === undefined) throw new Error('the secret is no base32');
  const totp = { secret: bytes, algorithm: 'SHA1', digits: 6, periodSeconds: 30 } as const;
  const code = (step: number) => totpCode(totp, totpStep(Date.now(), 30) + step);
  expect((await countersign('authenticators', 'confirm', name, 'totp', '00000')).code).toBe(8);
  await json('authenticators', 'confirm', name, authenticatorId, code(0));

  const gateway = stack.gateways[0]?.url ?? '';
  const login = async () => {
    const { body } = await stack.client.start(gateway, { username: name, method: 'totp' });
    return body;
  };
  const first = await login();
  await json('users', 'block', name, '--reason', 'Phone reported stolen, ticket 4711');
  const refused = await stack.client.verify(gateway, first.challengeId ?? '', code(1));
  // The code was good, and the challenge was open before the block.
  expect(refused.status).not.toBe(200);
  await json('users', 'unblock', name, '--reason', 'Phone found, ticket 4711');
  await json('users', 'bypass', name, '--reason', 'Phone forgotten, called back', '--for', '10m');
  expect(await login()).toMatchObject({ state: 'approved', method: 'bypass' });
  expect(await login()).toMatchObject({ state: 'pending' });

  expect((await countersign('users', 'delete', name)).code).toBe(7);
  await json('users', 'delete', name, '--yes');
  expect((await countersign('users', 'show', name)).code).toBe(5);

  await waitUntil(
    async () => {
      const { events } = await json<{ events: { type: string }[] }>(
        'audit',
        'tail',
        '--user',
        made.userId,
        '--limit',
        '100',
      );
      const types = new Set(events.map(({ type }) => type));
      return ['user.blocked', 'user.unblocked', 'bypass.granted', 'user.create', 'user.delete'].every((type) =>
        types.has(type),
      );
    },
    { what: 'the audit to hold it all', timeoutMs: 20_000 },
  );
});

test('a key made by the command line asks for challenges, and not after it was revoked', async () => {
  const gateway = stack.gateways[0]?.url ?? '';
  const made = await json<{ apiKey: string }>('applications', 'create', 'Portal', '--scope', 'challenge');
  const old = stack.clientAs({ apiKey: made.apiKey });
  expect((await old.start(gateway, { username: 'nobody' })).status).toBe(201);
  const rotated = await json<{ apiKey: string }>('applications', 'rotate', 'portal', '--overlap', '0', '--yes');
  const fresh = stack.clientAs({ apiKey: rotated.apiKey });
  expect((await fresh.start(gateway, { username: 'nobody' })).status).toBe(201);
  await waitUntil(async () => (await old.start(gateway, { username: 'nobody' })).status === 401, {
    what: 'the revoked key to be refused',
    timeoutMs: 15_000,
  });
});

test('a policy is set, explained with its origin, refused when it makes no sense, and taken back', async () => {
  await json('policy', 'set', 'code.digits', '8');
  const { values } = await json<{ values: { path: string; value: unknown; origin: string }[] }>(
    'policy',
    'explain',
    'code',
  );
  expect(values.find(({ path }) => path === 'code.digits')).toMatchObject({
    value: 8,
    origin: expect.stringMatching(/^global v\d+$/),
  });
  const refused = await countersign('policy', 'set', 'texts.en.sms', 'no place for the code');
  expect([refused.code, refused.err]).toEqual([8, expect.stringContaining('{{code}}')]);
  await json('policy', 'unset', 'code.digits');
  const { changes } = await json<{ changes: { version: number }[] }>('policy', 'history', '--limit', '2');
  expect(changes).toHaveLength(2);
});

test('keys: the list holds the new key before it signs; rewrapping with one key has nothing to do', async () => {
  const { kid } = await json<{ kid: string }>('keys', 'rotate', '--lead', '1h');
  const listed = async () => (await json<{ keys: { kid: string }[] }>('keys', 'list')).keys.map((key) => key.kid);
  await waitUntil(async () => (await listed()).includes(kid), {
    what: 'every replica to publish it',
    timeoutMs: 10_000,
  });
  expect(await json('keys', 'rewrap')).toMatchObject({ remaining: 0 });
});

test('cluster status shows every replica and gateway, which Postgres node is primary, and who leads each stream', async () => {
  const { replicas, gateways, natsServers, warnings } = await json<{
    replicas: OutputOf<typeof clusterStatus>[];
    gateways: OutputOf<typeof edgeStatus>[];
    natsServers: { server?: { name: string; version: string } }[];
    warnings: string[];
  }>('cluster', 'status');
  expect(gateways).toMatchObject([{ replica: 'sdk-gateway-1', service: 'sdk-gateway', server: 'nats' }]);
  expect(natsServers).toMatchObject([{ server: { name: 'nats', version: expect.stringMatching(/^2\.\d+\.\d+/) } }]);
  expect(warnings).toEqual([]);
  expect(replicas.map(({ replica }) => replica).toSorted()).toEqual(['app-server-1', 'app-server-2']);
  for (const { takesWork, version, postgres, streams } of replicas) {
    expect(takesWork).toBe(true);
    expect(version).toMatch(/^\d+\.\d+\.\d+/);
    expect(postgres.map(({ role }) => role).toSorted()).toEqual(['primary', 'standby']);
    for (const node of postgres) expect(node.version).toMatch(/^\d+\.\d+/);
    expect(streams.map(({ name }) => name)).toContain('AUTH');
  }
  const { out } = await countersign('cluster', 'status');
  expect(out).toMatch(/app-server-1 +0\.\d/);
  expect(out).toMatch(/primary .* all\n/);
  expect(out).toMatch(/sdk-gateway-1 +0\.\d/);
});

test('doctor hears both replicas and finds everything well; then sees what is taken away', async () => {
  const look = async () => {
    const { code, out, err } = await countersign('doctor', '--json');
    return { code, err, ...(JSON.parse(out) as { level: string; checks: Finding[] }) };
  };
  const bad = (checks: readonly Finding[]) =>
    checks.filter(({ level }) => level !== 'ok').map(({ where, name, level }) => `${where}: ${name} ${level}`);

  const well = await look();
  expect(well.err).toBe('');
  // A ledger that is new sets a floor: that is a warning for an hour.
  expect(bad(well.checks).filter((line) => !/ledger\.continuity\.\w+ warn/.test(line))).toEqual([]);
  expect(well.code).toBe(0);
  expect(new Set(well.checks.map(({ where }) => where))).toEqual(
    new Set(['command line', 'app-server-1', 'app-server-2']),
  );
  const names = new Set(well.checks.map(({ name }) => name));
  for (const name of [
    'postgres.primary',
    'postgres.standby',
    'clock.postgres',
    'clock.nats',
    'nats.stream.AUTH',
    'nats.stream.TRAIL',
    'nats.stream.DISPATCH',
    'nats.stream.LIMITS',
    'nats.stream.IDEMPOTENCY',
    'audit.projection.AUTH',
    'keys.ring',
    'keys.signing',
    'carrier.inbox',
    'policy',
  ]) {
    expect(names).toContain(name);
  }

  await stack.appServers[1]?.kill();
  await stack.postgres.standby.kill();
  await waitUntil(async () => bad((await look()).checks).some((line) => line.includes('postgres.standby')), {
    what: 'the standby to be missed',
    timeoutMs: 10_000,
  });
  const worse = await look();
  expect(worse.code).toBe(0);
  expect(bad(worse.checks)).toEqual(
    expect.arrayContaining(['command line: replicas warn', 'app-server-1: postgres.standby warn']),
  );

  await stack.postgres.primary.kill();
  await waitUntil(async () => (await look()).code === 1, { what: 'the primary to be missed', timeoutMs: 15_000 });
  const worst = await look();
  expect(bad(worst.checks)).toContain('app-server-1: postgres.primary fail');
  expect(JSON.stringify(worst)).not.toContain(stack.adminApiKey);
  const refused = await countersign('users', 'create', 'emil');
  expect([refused.code, refused.err]).toEqual([9, expect.stringContaining('UNAVAILABLE')]);
});
