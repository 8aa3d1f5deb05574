import { chownSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SettingsError } from '@countersign/config';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { CommandError } from './failure.ts';
import { readSettings } from './settings.ts';

const root = mkdtempSync(join(tmpdir(), 'cli-settings-'));
const deep = join(root, 'checkout', 'packages', 'cli');
const OWN_ID = process.getuid?.();
const STACK = {
  nats: 'nats://root:r@127.0.0.1:8920',
  natsUsers: { admin: 'p', root: 'r' },
  adminKey: 'csk_dev_key',
};

beforeAll(() => {
  mkdirSync(deep, { recursive: true });
  mkdirSync(join(root, 'checkout', '.countersign'));
  writeFileSync(join(root, 'checkout', '.countersign', 'dev.json'), JSON.stringify(STACK));
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

test('from the environment; the key may stand in a file', () => {
  const file = join(root, 'key');
  writeFileSync(file, 'csk_a_b\n');
  const environment = { COUNTERSIGN_NATS_URLS: 'nats://a, nats://b', COUNTERSIGN_ADMIN_KEY_FILE: file };
  expect(readSettings(environment, root, OWN_ID)).toEqual({
    servers: ['nats://a', 'nats://b'],
    adminKey: 'csk_a_b',
    source: 'the environment',
  });
});

test('half of the settings is not filled up from the development stack', () => {
  expect(() => readSettings({ COUNTERSIGN_NATS_URLS: 'nats://a' }, deep, OWN_ID)).toThrow(SettingsError);
});

test('without any, those of the development stack, found from a folder below it', () => {
  expect(readSettings({}, deep, OWN_ID)).toEqual({
    servers: ['nats://127.0.0.1:8920'],
    user: 'admin',
    password: 'p',
    adminKey: 'csk_dev_key',
    source: join(root, 'checkout', '.countersign', 'dev.json'),
  });
});

test('without any and no stack, it says what to set', () => {
  expect(() => readSettings({}, tmpdir(), OWN_ID)).toThrow(
    /COUNTERSIGN_NATS_URLS and COUNTERSIGN_ADMIN_KEY are not set/,
  );
});

describe('a file of the stack that is not to be trusted is not used', () => {
  const inFolder = (content: string) => {
    const folder = mkdtempSync(join(root, 'other-'));
    mkdirSync(join(folder, '.countersign'));
    writeFileSync(join(folder, '.countersign', 'dev.json'), content);
    return folder;
  };

  test.each(['', '[]', '{"nats":1,"natsUsers":{"admin":"p"},"adminKey":"x"}', '{"nats":"x","adminKey":"x"}'])(
    '%j',
    (content) => {
      expect(() => readSettings({}, inFolder(content), OWN_ID)).toThrow(CommandError);
    },
  );

  test('one that belongs to somebody else', () => {
    const folder = inFolder(JSON.stringify(STACK));
    const file = join(folder, '.countersign', 'dev.json');
    if (OWN_ID === 0) chownSync(file, 4242, 4242);
    const reader = OWN_ID === 0 ? 0 : (OWN_ID ?? 0) + 4242;
    expect(() => readSettings({}, folder, reader)).toThrow(/belongs to somebody else/);
  });
});
