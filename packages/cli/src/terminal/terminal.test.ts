import { PassThrough, Writable } from 'node:stream';
import { expect, test } from 'vitest';
import { nodeTerminal } from './terminal.ts';

function keyboard() {
  let shown = '';
  const screen = new Writable({
    write: (chunk: Buffer, _encoding, done) => {
      shown += chunk.toString();
      done();
    },
  });
  const input = new PassThrough();
  const terminal = nodeTerminal({
    input: input as unknown as NodeJS.ReadStream,
    output: screen as NodeJS.WriteStream,
    error: screen as NodeJS.WriteStream,
    environment: {},
  });
  return { terminal, input, shown: () => shown };
}
const { signal } = new AbortController();

test('a secret is taken as it was typed, and shown nowhere (R24)', async () => {
  const { terminal, input, shown } = keyboard();
  const answer = terminal.secret('Password: ', signal);
  input.write('hunter');
  input.write(' 2\n');
  expect(await answer).toBe('hunter 2');
  expect(shown()).toBe('Password: \n');
});

test('a secret that never comes is none', async () => {
  const { terminal, input } = keyboard();
  const answer = terminal.secret('Password: ', signal);
  input.end();
  expect(await answer).toBeUndefined();
});
