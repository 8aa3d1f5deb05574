import { readFileSync } from 'node:fs';
import { readEnvironment, settingsTable } from '@countersign/config';
import { expect, test } from 'vitest';
import { ENVIRONMENT } from './environment.ts';

const PEM = '-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n';
const needed = {
  COUNTERSIGN_REPLICA: 'sdk-gateway-1',
  COUNTERSIGN_PUBLIC_URL: 'https://mfa.example.com',
  COUNTERSIGN_TLS_CERT: PEM,
  COUNTERSIGN_TLS_KEY: PEM,
  COUNTERSIGN_NATS_URLS: 'a:4222,b:4222',
};

test('the README has the settings as they are; print them with settingsTable(ENVIRONMENT)', () => {
  const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8');
  expect(readme).toContain(settingsTable(ENVIRONMENT));
});

test('what is needed is enough', () => {
  expect(readEnvironment(ENVIRONMENT, needed)).toMatchObject({
    COUNTERSIGN_PORT: 8200,
    COUNTERSIGN_NATS_URLS: ['a:4222', 'b:4222'],
    COUNTERSIGN_TRUSTED_PROXIES: [],
  });
});

test.each([
  ['COUNTERSIGN_PUBLIC_URL', 'http://mfa.example.com'],
  ['COUNTERSIGN_PUBLIC_URL', 'https://mfa.example.com/v1'],
  ['COUNTERSIGN_REPLICA', 'a,b'],
  ['COUNTERSIGN_TLS_KEY', '/etc/key.pem'],
])('%s is not taken to be %s', (name, value) => {
  expect(() => readEnvironment(ENVIRONMENT, { ...needed, [name]: value })).toThrow(name);
});
