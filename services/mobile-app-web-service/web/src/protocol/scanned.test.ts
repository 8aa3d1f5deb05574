import { activationLink } from '@countersign/device-protocol';
import { expect, test } from 'vitest';
import { read } from './scanned.ts';

const SERVER = 'https://mfa.example.com';
const link = {
  server: SERVER,
  activationId: 'activation-0123456789',
  code: 'AAECAwQFBgcICQoLDA0ODw',
  serverKeyThumbprint: 'NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs',
  organisation: 'Daugava Shipping',
};

test('an activation link of this server', () => {
  expect(read(` ${activationLink(link)}\n`, SERVER)).toEqual({ is: 'activation', link });
});

test('one of another server leads there', () => {
  const address = activationLink(link);
  expect(read(address, 'https://other.example.com')).toEqual({ is: 'elsewhere', server: SERVER, address });
});

test('codes', () => {
  expect(read('otpauth://totp/anna?secret=GEZDGNBVGY3TQOJQ', SERVER)).toMatchObject({ is: 'codes' });
});

test.each(['', 'https://mfa.example.com/app/', 'https://evil.example/app/#activate=2', 'WIFI:S:guests;;'])(
  'nothing: %j',
  (text) => expect(read(text, SERVER)).toEqual({ is: 'unknown' }),
);
