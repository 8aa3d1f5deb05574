import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import webPush from 'web-push';
import { vapidKeysOf } from './vapid.ts';

const ring = {
  mac: (purpose: string, ...parts: (string | Uint8Array)[]) =>
    createHash('sha256')
      .update(JSON.stringify([purpose, parts]))
      .digest(),
};

test('the same ring gives the same keys, and push services take what they sign', () => {
  const keys = vapidKeysOf(ring);
  expect(vapidKeysOf(ring)).toEqual(keys);
  const { Authorization } = webPush.getVapidHeaders(
    'https://push.example.com',
    'mailto:mfa@example.com',
    keys.publicKey,
    keys.privateKey,
    'aes128gcm',
  );
  expect(Authorization).toContain(keys.publicKey);
});

test('a hash that is no key is passed over', () => {
  const hashes = [Buffer.alloc(32, 0xff), createHash('sha256').update('x').digest()];
  const keys = vapidKeysOf({ mac: (_purpose, nth) => hashes[Number(nth)] ?? Buffer.alloc(32) });
  expect(keys).toEqual(vapidKeysOf({ mac: () => hashes[1] ?? Buffer.alloc(32) }));
});
