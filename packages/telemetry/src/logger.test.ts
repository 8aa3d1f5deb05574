import { describe, expect, test } from 'vitest';
import type { LogFields } from './fields.ts';
import { createLogger } from './logger.ts';
import { mask } from './mask.ts';

function capture() {
  const lines: string[] = [];
  const logger = createLogger({
    service: 'test',
    replica: 'test-1',
    level: 'debug',
    destination: { write: (line) => void lines.push(line) },
  });
  return { logger, lines, last: () => JSON.parse(lines.at(-1) ?? 'null') as Record<string, unknown> };
}

describe('R24: nothing secret is logged', () => {
  test('a field that is not on the list is dropped and named', () => {
    const { logger, lines, last } = capture();
    logger.info('challenge.verify', { attemptId: 'a1', code: 'CODE_REJECTED', password: 'hunter22' } as LogFields);
    expect(last()).toMatchObject({ event: 'challenge.verify', attemptId: 'a1', dropped: ['password'] });
    expect(lines.join()).not.toContain('hunter22');
  });

  test('an error is told by name, message, code and causes, never by its other properties', () => {
    const { logger, lines, last } = capture();
    const cause = Object.assign(new Error('duplicate key'), { code: '23505', detail: 'Key (phone)=(secret-value)' });
    logger.error('user.create', { error: new Error('could not save 492039', { cause }) });
    expect(last()['error']).toMatchObject({
      name: 'Error',
      message: 'could not save [digits]',
      cause: { code: '23505', message: 'duplicate key' },
    });
    expect(lines.join()).not.toContain('secret-value');
    expect(lines.join()).not.toContain('492039');
  });

  test('an object in a field is not printed', () => {
    const { logger, last } = capture();
    logger.info('x', { detail: { code: '492039' } as unknown as string });
    expect(last()['detail']).toBe('[object]');
  });

  test('children keep the rule', () => {
    const { logger, lines } = capture();
    logger.child({ operation: 'user.get', seed: 'JBSWY3DP' } as LogFields).info('x');
    expect(lines.join()).toContain('user.get');
    expect(lines.join()).not.toContain('JBSWY3DP');
  });

  test.each([
    ['an API key', 'bad key csk_k1_abcDEF123-_x in header', 'csk_[masked]'],
    ['an otpauth URI', 'otpauth://totp/a?secret=JBSWY3DP', 'otpauth://[masked]'],
    ['a JWT', 'eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJhIn0.c2ln', '[jwt]'],
    ['a password in an address', 'nats://gateway:s3cret@127.0.0.1:4222', 'nats://gateway:[masked]@127.0.0.1:4222'],
    ['a bearer token', 'Authorization: Bearer abcdefgh12345', 'Authorization: Bearer [masked]'],
    ['a phone number', 'to +37120000012', 'to +[phone]'],
    ['a private key', '-----BEGIN PRIVATE KEY-----\nMIG\n-----END PRIVATE KEY-----', '[private key]'],
  ])('%s inside a text is masked', (_, text, expected) => {
    expect(mask(text)).toContain(expected);
    expect(mask(text)).not.toMatch(/abcDEF|JBSWY|eyJ|s3cret|abcdefgh|2000001|MIG/);
  });
});

test('a line names service, replica, level and event', () => {
  const { logger, last } = capture();
  logger.warn('bus.disconnected', { server: '127.0.0.1:4222' });
  expect(last()).toMatchObject({ level: 'warn', service: 'test', replica: 'test-1', event: 'bus.disconnected' });
});
