import { describe, expect, test } from 'vitest';
import { CarriersError, readCarriers } from './config.ts';

const environment = { INBOX_TOKEN: 'inbox-token', TWILIO_TOKEN: 'twilio-token', EMPTY: ' ' };
const files: Record<string, string> = { '/run/secrets/gw': 'gateway-token\n', '/etc/gw-ca.pem': 'PEM' };
const readFile = (path: string) => {
  const text = files[path];
  if (text === undefined) throw new Error('ENOENT');
  return text;
};

function read(carriers: unknown, text = JSON.stringify({ carriers })) {
  return readCarriers({ text, environment, readFile });
}

function problemsOf(carriers: unknown, text?: string): string {
  try {
    read(carriers, text);
  } catch (error) {
    if (error instanceof CarriersError) return error.message;
    throw error;
  }
  return 'none';
}

const inbox = { type: 'inbox', url: 'http://localhost:8900/api/messages', token: { env: 'INBOX_TOKEN' } };
const twilio = { type: 'twilio', accountSid: 'AC1', authToken: { env: 'TWILIO_TOKEN' }, from: '+37127000000' };
const generic = { type: 'generic', url: 'https://sms.example.com/send', token: { file: '/run/secrets/gw' } };
const http = {
  type: 'http',
  url: 'https://sms.example.com/send',
  headers: { 'X-Key': '{{secret.key}}' },
  form: { to: '{{to}}', message: '{{text}}' },
  secrets: { key: { env: 'TWILIO_TOKEN' } },
  caFile: '/etc/gw-ca.pem',
};

describe('the carriers file', () => {
  test('gives the carriers in its order', () => {
    const carriers = read({ sms1: twilio, sms2: generic, sms3: http, inbox });
    expect(carriers.map(({ name }) => name)).toEqual(['sms1', 'sms2', 'sms3', 'inbox']);
    expect(read({ a: { ...twilio, statusCallbackUrl: 'https://mfa.example.com/s' } })[0]?.readStatus).toBeDefined();
  });

  test.each([
    ['{"carriers": {}, "carier": {}}', 'must hold JSON of the form'],
    ['[]', 'must hold JSON of the form'],
    ['{', 'must hold JSON of the form'],
  ])('%s', (text, sentence) => expect(problemsOf(undefined, text)).toContain(sentence));

  test.each([
    [
      'an unknown setting',
      { main: { ...twilio, authTokn: 'x' } },
      'main: "authTokn" is not a setting of type twilio. Known: ',
    ],
    ['a nested one', { main: { ...twilio, authToken: { env: 'X', fil: 'y' } } }, 'authToken'],
    ['a missing one', { main: { type: 'inbox', url: inbox.url } }, 'main: "token" is missing.'],
    [
      'a secret written out',
      { main: { ...inbox, token: 'hush-hush' } },
      '"token" must be {"env": "<variable>"} or {"file": "<path>"}',
    ],
    [
      'a secret that is not there',
      { main: { ...inbox, token: { env: 'NOPE' } } },
      'the environment variable NOPE is to hold',
    ],
    ['an empty one', { main: { ...inbox, token: { env: 'EMPTY' } } }, 'the environment variable EMPTY is to hold'],
    ['a file that is not there', { main: { ...inbox, token: { file: '/nope' } } }, 'the file /nope is to hold'],
    ['an unknown type', { main: { type: 'smpp' } }, 'must be one of inbox, twilio, generic, http'],
    ['a type from the prototype', { main: { type: 'constructor' } }, 'must be one of'],
    ['a bad name', { 'Main Carrier': inbox }, 'is no name for a carrier'],
    [
      'http to another machine (TEL-14)',
      { main: { ...generic, url: 'http://sms.example.com/' } },
      'must begin with https://',
    ],
    [
      'http to a name that only looks local',
      { main: { ...generic, url: 'http://localhost.evil.example/' } },
      'must begin with https://',
    ],
    ['another scheme', { main: { ...generic, url: 'ftp://sms.example.com/' } }, '"url"'],
    ['a password in the address', { main: { ...generic, url: 'https://a:b@sms.example.com/' } }, 'holds a password'],
    [
      'a callback with a query',
      { main: { ...twilio, statusCallbackUrl: 'https://a.example/?x=1' } },
      'statusCallbackUrl',
    ],
    ['two bodies', { main: { ...http, json: {} } }, 'either json or form'],
    ['a template of nothing', { main: { ...http, form: { to: '{{phone}}' } } }, '{{phone}} cannot be used in the body'],
    ['a secret of nothing', { main: { ...http, secrets: {} } }, '{{secret.key}} cannot be used in the headers'],
    ['a timeout beyond bounds', { main: { ...inbox, timeoutMs: 60_000 } }, '"timeoutMs"'],
  ])('refuses %s with a sentence', (_, carriers, sentence) => {
    const problems = problemsOf(carriers);
    expect(problems).toContain(sentence);
    expect(problems).not.toContain('hush-hush');
  });

  test('names everything in one go', () => {
    const problems = problemsOf({ a: { ...inbox, x: 1 }, b: { type: 'y' }, c: { ...inbox, token: { env: 'NOPE' } } });
    expect(problems.split('\n')).toHaveLength(4);
  });
});
