import { createHash, createHmac } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { timedStatus, twilioStatus } from './callback.ts';
import { isTwilioSignature, signTimed } from './signature.ts';

const NOW = 1_800_000_000_000;

/** As a Twilio account signs a form, written down a second time from its documentation. */
function twilioSign(token: string, address: string, form: [string, string][]): string {
  const sorted = form.toSorted(([a], [b]) => (a < b ? -1 : 1));
  return createHmac('sha1', token)
    .update(address + sorted.map(([name, value]) => name + value).join(''))
    .digest('base64');
}

describe('TEL-13: X-Twilio-Signature', () => {
  test("the example of Twilio's documentation and SDKs", () => {
    const form = new URLSearchParams({
      CallSid: 'CA1234567890ABCDE',
      Caller: '+14158675309',
      Digits: '1234',
      From: '+14158675309',
      To: '+18005551212',
    });
    const address = 'https://mycompany.com/myapp.php?foo=1&bar=2';
    const body = Buffer.from(form.toString());
    expect(isTwilioSignature('RSOYDt4T1cUTdK1PDd93/VVr8B8=', '12345', address, body, true)).toBe(true);
    expect(isTwilioSignature('RSOYDt4T1cUTdK1PDd93/VVr8B9=', '12345', address, body, true)).toBe(false);
    expect(isTwilioSignature('RSOYDt4T1cUTdK1PDd93/VVr8B8=', '12346', address, body, true)).toBe(false);
    expect(isTwilioSignature(undefined, '12345', address, body, true)).toBe(false);
  });

  test('with the port in the signed address, with a repeated field, and with a JSON body', () => {
    const address = 'https://mfa.example.com/status';
    const body = Buffer.from('A=2&B=x&A=1&A=2');
    const signature = createHmac('sha1', 't').update(`https://mfa.example.com:443/statusA12Bx`).digest('base64');
    expect(isTwilioSignature(signature, 't', address, body, true)).toBe(true);
    const json = Buffer.from('{"a":1}');
    const hashed = `${address}?bodySHA256=${createHash('sha256').update(json).digest('hex')}`;
    const jsonSignature = createHmac('sha1', 't').update(hashed).digest('base64');
    expect(isTwilioSignature(jsonSignature, 't', hashed, json, false)).toBe(true);
    expect(isTwilioSignature(jsonSignature, 't', hashed, Buffer.from('{"a":2}'), false)).toBe(false);
  });

  test('a body that the signature does not cover is refused', () => {
    const address = 'https://mfa.example.com/status';
    const signature = createHmac('sha1', 't').update(address).digest('base64');
    expect(isTwilioSignature(signature, 't', address, Buffer.from('{"MessageStatus":"delivered"}'), false)).toBe(false);
    expect(isTwilioSignature(signature, 't', address, Buffer.alloc(0), false)).toBe(true);
  });
});

describe('TEL-13, R28: a report is checked against the configured address', () => {
  const url = 'https://mfa.example.com/v1/carriers/main/status';
  const read = twilioStatus({ url, secret: 'token' });
  const form: [string, string][] = [
    ['MessageSid', 'SM1'],
    ['MessageStatus', 'delivered'],
  ];
  const body = Buffer.from(new URLSearchParams(form).toString());
  const headers = (signature: string) => ({
    host: 'evil.example',
    'x-forwarded-host': 'evil.example',
    'content-type': 'application/x-www-form-urlencoded',
    'x-twilio-signature': signature,
  });

  test('through a proxy that rewrote the path, with the query as it came', () => {
    const signature = twilioSign('token', `${url}?reference=a%20b`, form);
    const callback = { path: '/internal/x?reference=a%20b', headers: headers(signature), body };
    expect(read(callback, NOW)).toEqual({ status: 'delivered', providerId: 'SM1', reference: 'a b' });
  });

  test.each([
    ['signed for the host of the request', `https://evil.example/v1/carriers/main/status?reference=a`],
    ['signed for another query', `${url}?reference=b`],
  ])('%s: refused', (_, address) => {
    const callback = {
      path: '/v1/carriers/main/status?reference=a',
      headers: headers(twilioSign('token', address, form)),
      body,
    };
    expect(read(callback, NOW)).toBeUndefined();
  });
});

describe('TEL-13: the generic report', () => {
  const url = 'https://mfa.example.com/v1/carriers/main/status';
  const read = timedStatus({ url, secret: 'shared' });
  const body = Buffer.from('{"id":"m1","reference":"r1","status":"DELIVRD"}');
  const callback = (timestamp: number, secret = 'shared', sent = body) => ({
    path: '/v1/carriers/main/status',
    headers: {
      'x-countersign-timestamp': String(timestamp),
      'x-countersign-signature': signTimed(secret, String(timestamp), url, body),
    },
    body: sent,
  });

  test('is read when it is signed and recent', () => {
    const report = { status: 'delivered', providerId: 'm1', reference: 'r1' };
    expect(read(callback(NOW / 1000), NOW)).toEqual(report);
    expect(read(callback(NOW / 1000 - 300), NOW)).toEqual(report);
  });

  test.each([
    ['too old', callback(NOW / 1000 - 301)],
    ['from the future', callback(NOW / 1000 + 301)],
    ['another secret', callback(NOW / 1000, 'other')],
    ['another body', callback(NOW / 1000, 'shared', Buffer.from('{"status":"failed"}'))],
    ['no signature', { path: '/', headers: {}, body }],
    [
      'no number',
      { ...callback(NOW / 1000), headers: { 'x-countersign-timestamp': 'NaN', 'x-countersign-signature': 'x' } },
    ],
  ])('%s: refused', (_, forged) => expect(read(forged, NOW)).toBeUndefined());

  test('a word we do not know is "other", and a body that is no JSON is too', () => {
    const odd = Buffer.from('constructor');
    const timestamp = String(NOW / 1000);
    const headers = {
      'x-countersign-timestamp': timestamp,
      'x-countersign-signature': signTimed('shared', timestamp, url, odd),
    };
    expect(read({ path: '/', headers, body: odd }, NOW)).toEqual({ status: 'other' });
  });
});
