import { describe, expect, test } from 'vitest';
import { give, NOW, pair, refuse } from './server.fixture.ts';
import { callSigned } from './signed-call.ts';

const call = { call: 'update', body: { label: 'Blue' }, clockOffsetMs: 0 } as const;

test('a request is signed as the server reads it, with its port and the body', async () => {
  const { outside, device, seen } = await pair(give({ label: 'Blue' }));
  const { answer, nonce } = await callSigned(outside, { ...call, device });
  expect(answer).toEqual({ label: 'Blue' });
  expect(seen).toMatchObject([
    { path: '/v1/device/update', body: { label: 'Blue' }, isSigned: true, signature: { nonce, createdAt: NOW / 1000 } },
  ]);
});

describe('CLOCK_WRONG', () => {
  const ahead = String(NOW + 180_000);

  test('is tried once more by the server’s clock, which is told', async () => {
    const { outside, device, seen } = await pair(refuse(401, 'CLOCK_WRONG', { 'countersign-time': ahead }), give({}));
    const { clockOffsetMs } = await callSigned(outside, { ...call, device });
    expect(clockOffsetMs).toBe(180_000);
    expect(seen.map(({ signature }) => signature.createdAt)).toEqual([NOW / 1000, NOW / 1000 + 180]);
    expect(new Set(seen.map(({ signature }) => signature.nonce)).size).toBe(2);
  });

  test('is not tried for ever', async () => {
    const { outside, device, seen } = await pair(refuse(401, 'CLOCK_WRONG', { 'countersign-time': ahead }));
    await expect(callSigned(outside, { ...call, device })).rejects.toMatchObject({ code: 'CLOCK_WRONG' });
    expect(seen).toHaveLength(2);
  });

  test.each(['', 'soon', '-5', '1e15'])('with %j for a time it is a refusal', async (time) => {
    const { outside, device, seen } = await pair(refuse(401, 'CLOCK_WRONG', { 'countersign-time': time }));
    await expect(callSigned(outside, { ...call, device })).rejects.toMatchObject({ code: 'CLOCK_WRONG' });
    expect(seen).toHaveLength(1);
  });

  test('no other answer changes the clock', async () => {
    const later: Record<string, string> = { 'countersign-time': ahead };
    const { outside, device } = await pair(() => Response.json({}, { headers: later }));
    expect((await callSigned(outside, { ...call, device })).clockOffsetMs).toBe(0);
  });
});

test('REPLAYED is asked once more under another nonce', async () => {
  const { outside, device, seen } = await pair(refuse(401, 'REPLAYED'), give({}));
  await callSigned(outside, { ...call, device });
  expect(new Set(seen.map(({ signature }) => signature.nonce)).size).toBe(2);
});

describe('of two keys', () => {
  test.each(['DEVICE_UNKNOWN', 'SIGNATURE_INVALID'])('the next is tried after %s, and kept', async (code) => {
    const { outside, device, nextKey, seen } = await pair(refuse(401, code), give({}));
    const answered = await callSigned(outside, { ...call, device: { ...device, nextKey } });
    expect(answered.device).toEqual({ ...device, key: nextKey });
    expect(seen.map(({ signature }) => signature.keyId)).toEqual([device.key.thumbprint, nextKey.thumbprint]);
  });

  test('the next is not tried after anything else', async () => {
    const { outside, device, nextKey, seen } = await pair(refuse(503, 'UNAVAILABLE', { 'retry-after': '7' }));
    const asked = callSigned(outside, { ...call, device: { ...device, nextKey } });
    await expect(asked).rejects.toMatchObject({ code: 'UNAVAILABLE', retryAfterSeconds: 7 });
    expect(seen).toHaveLength(1);
  });

  test('both stay while the first one counts', async () => {
    const { outside, device, nextKey } = await pair(give({}));
    const both = { ...device, nextKey };
    expect((await callSigned(outside, { ...call, device: both })).device).toBe(both);
  });
});

describe('what stands between', () => {
  test.each([
    ['a page of a balancer', () => new Response('<h1>Bad gateway</h1>', { status: 502 }), 'UNAVAILABLE'],
    ['an answer that is cut off', () => new Response('{"label":', { status: 200 }), 'UNAVAILABLE'],
    ['a sign-in page of a hotel', () => new Response('<h1>Welcome</h1>', { status: 200 }), 'UNAVAILABLE'],
    ['no connection', () => Promise.reject(new TypeError('failed')), 'OFFLINE'],
  ])('%s', async (_, reply, code) => {
    const { outside, device } = await pair(reply);
    await expect(callSigned(outside, { ...call, device })).rejects.toMatchObject({ code });
  });
});
