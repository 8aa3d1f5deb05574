import { setTimeout as delay } from 'node:timers/promises';
import { MfaError } from '@countersign/contracts';
import { createMetrics, silentLogger, type Logger } from '@countersign/telemetry';
import { fastify } from 'fastify';
import { expect, test } from 'vitest';
import { addressSet } from './address.ts';
import { serveHealth } from './health.ts';

/** For so long nobody is asked again. */
const OUTCOMES_KEPT_MS = 250;

test('why a replica is not ready is logged once, and its end; strangers are told only what it is', async () => {
  const logged: [string, string, unknown][] = [];
  const note = (event: string, fields?: { check?: unknown; error?: unknown }) =>
    void logged.push([event, String(fields?.check), fields?.error]);
  let problem: Error | undefined;
  const app = fastify();
  serveHealth(app, {
    logger: { error: note, info: note } as unknown as Logger,
    checks: [
      {
        name: 'keys',
        check: () => {
          if (problem !== undefined) throw problem;
        },
      },
    ],
    isDraining: () => false,
    metrics: createMetrics({ service: 's', replica: 'r', processMetrics: false }),
    metricsFrom: addressSet([]),
  });
  const ask = async () => {
    await delay(OUTCOMES_KEPT_MS + 10);
    return app.inject({ method: 'GET', url: '/health/ready' });
  };
  expect((await ask()).statusCode).toBe(200);
  problem = new Error('COUNTERSIGN_KEY_RING is not that of this installation');
  for (const _ of [1, 2, 3]) {
    const answer = await ask();
    expect(answer.statusCode).toBe(503);
    expect(answer.json()).toEqual({ status: 'unavailable', checks: [{ name: 'keys', ok: false }] });
  }
  expect(logged).toEqual([['health.failing', 'keys', problem]]);
  problem = undefined;
  expect((await ask()).statusCode).toBe(200);
  expect(logged.map(([event, check]) => [event, check])).toEqual([
    ['health.failing', 'keys'],
    ['health.mended', 'keys'],
  ]);
  await app.close();
});

test.each([
  [200, '/metrics', {}],
  [200, '/metrics?from=prometheus', {}],
  [404, '/%6Detrics', {}],
  [404, '/metrics', { 'x-forwarded-for': '10.0.0.1' }],
])('%i: %s with %j', async (statusCode, url, headers) => {
  const app = fastify();
  app.setErrorHandler((error, _request, reply) => reply.code(error instanceof MfaError ? 404 : 500).send());
  serveHealth(app, {
    logger: silentLogger(),
    checks: [],
    isDraining: () => false,
    metrics: createMetrics({ service: 's', replica: 'r', processMetrics: false }),
    metricsFrom: addressSet(['127.0.0.1']),
  });
  expect((await app.inject({ method: 'GET', url, headers })).statusCode).toBe(statusCode);
  await app.close();
});

test('however many ask whether it is ready, one look answers all of them, and none is answered with an old one', async () => {
  let looks = 0;
  let isDraining = false;
  const app = fastify();
  serveHealth(app, {
    logger: silentLogger(),
    checks: [{ name: 'database', check: () => delay(20, void (looks += 1)) }],
    isDraining: () => isDraining,
    metrics: createMetrics({ service: 's', replica: 'r', processMetrics: false }),
    metricsFrom: addressSet(['127.0.0.1']),
  });
  const askAll = () =>
    Promise.all(
      Array.from({ length: 50 }, (_, n) =>
        app.inject({ method: 'GET', url: n % 2 === 0 ? '/health/ready' : '/metrics' }),
      ),
    );
  expect((await askAll()).map(({ statusCode }) => statusCode)).toEqual(Array.from({ length: 50 }, () => 200));
  expect(looks).toBe(1);
  isDraining = true;
  expect((await app.inject({ method: 'GET', url: '/health/ready' })).statusCode).toBe(503);
  await delay(OUTCOMES_KEPT_MS + 10);
  await askAll();
  expect(looks).toBe(2);
  await app.close();
});
