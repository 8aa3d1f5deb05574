import { createMetrics, noTracing } from '@countersign/telemetry';
import { describe, expect, test } from 'vitest';
import type { TrailEvent } from '../audit/trail.ts';
import { createCarrierPool } from './carriers/pool.ts';
import { createGenericCarrier } from './carriers/presets.ts';
import { signTimed } from './carriers/signature.ts';
import { recordMessageStatus } from './status.ts';

const NOW = 1_800_000_000_000;
const url = 'https://mfa.example.com/v1/carriers/main/status';
const limits = { connectTimeoutMs: 100, timeoutMs: 100, allowPrivateAddresses: false };

function world() {
  const metrics = createMetrics({ service: 'test', replica: 'r', processMetrics: false });
  const trail: TrailEvent[] = [];
  const carriers = [
    createGenericCarrier('main', { url: 'https://sms.example.com/', callback: { url, secret: 'shared' } }, limits),
    createGenericCarrier('silent', { url: 'https://sms.example.com/' }, limits),
  ];
  const pool = createCarrierPool({ carriers, now: () => NOW, metrics, tracing: noTracing });
  const before = pool.states();
  const report = (input: { carrier?: string; secret?: string; status?: string; names?: (name: string) => string }) => {
    const { carrier = 'main', secret = 'shared', status = 'delivered', names = (name: string) => name } = input;
    const body = Buffer.from(JSON.stringify({ id: 'm1', reference: 'r1', status }));
    const timestamp = String(NOW / 1000);
    const headers = {
      [names('X-Countersign-Timestamp')]: timestamp,
      [names('X-Countersign-Signature')]: signTimed(secret, timestamp, url, body),
    };
    return recordMessageStatus(
      { pool, trail: { record: async (event) => void trail.push(event) }, metrics, now: () => NOW },
      { carrier, path: '/v1/carriers/main/status', headers, body: body.toString('base64') },
      { attemptId: 'attempt-1' },
    );
  };
  return { report, trail, metrics, pool, before };
}

describe('message.status', () => {
  test('TEL-20: a proved report is a row and a number, and changes nothing else', async () => {
    const { report, trail, metrics, pool, before } = world();
    expect(await report({ status: 'failed' })).toEqual({});
    expect(await report({ names: (name) => name.toLowerCase() })).toEqual({});
    expect(trail).toEqual([
      {
        type: 'message.status',
        at: NOW,
        attemptId: 'attempt-1',
        detail: { carrier: 'main', status: 'failed', providerId: 'm1', reference: 'r1' },
      },
      expect.objectContaining({ detail: expect.objectContaining({ status: 'delivered' }) }),
    ]);
    expect(await metrics.text()).toMatch(
      /countersign_message_status_total\{[^}]*carrier="main",status="failed"[^}]*\} 1/,
    );
    expect(pool.states()).toEqual(before);
  });

  test.each([
    ['forged', { secret: 'guess' }],
    ['from a carrier that sends none', { carrier: 'silent' }],
    ['from nobody we know', { carrier: 'other' }],
    ['from the prototype', { carrier: '__proto__' }],
  ])('TEL-13: %s: refused, and nothing is recorded', async (_, input) => {
    const { report, trail, metrics } = world();
    await expect(report(input)).rejects.toMatchObject({ code: 'FORBIDDEN' });
    expect(trail).toEqual([]);
    expect(await metrics.text()).not.toContain('carrier="other"');
  });
});
