import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { writeToken, type JoinToken } from '@countersign/authority';
import { afterAll, expect, test } from 'vitest';
import { recordedTerminal } from '../testing/terminal.ts';
import { askForToken } from './token.ts';

const folder = mkdtempSync(join(tmpdir(), 'token-'));
const file = join(folder, 'token');
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const content: JoinToken = {
  urls: ['https://app-1.example.com:8100'],
  authority: 'a'.repeat(64),
  id: 'i'.repeat(22),
  secret: 's'.repeat(43),
  service: 'sdk-gateway',
  name: 'sdk-gateway-2',
  hosts: ['gateway2.example.com'],
};
const token = writeToken(content);
writeFileSync(file, `${token}\n`);

const ask = (terminal: ReturnType<typeof recordedTerminal>, given: { token?: string; file?: string } = {}) =>
  askForToken({ terminal, signal: new AbortController().signal }, { token: given.token, file: given.file });

test.each([
  ['its file', recordedTerminal({ answers: [] }), { file }],
  ['standard input', recordedTerminal({ input: `${token}\n` }), {}],
  ['whoever sits there', recordedTerminal({ answers: [token] }), {}],
])('the token comes from %s, where no other user of the machine reads it', async (_, terminal, given) => {
  expect(await ask(terminal, given)).toEqual(content);
  expect(terminal.err + terminal.out).toBe('');
});

test('as an argument it is taken with a warning, which does not repeat it', async () => {
  const terminal = recordedTerminal();
  expect(await ask(terminal, { token })).toEqual(content);
  expect(terminal.err).toContain('Everybody on this machine can read');
  expect(terminal.err + terminal.out).not.toContain(token);
});

test('a cut token, no token, two of them and a file that is not there are refused', async () => {
  await expect(ask(recordedTerminal({ input: token.slice(0, -9) }))).rejects.toThrow('it was cut');
  await expect(ask(recordedTerminal({ answers: [] }))).rejects.toThrow('it was cut');
  await expect(ask(recordedTerminal(), { token, file })).rejects.toThrow('not both');
  await expect(ask(recordedTerminal(), { file: `${file}.gone` })).rejects.toThrow('cannot be read');
});
