import { once } from 'node:events';
import { createServer, connect, type Server, type Socket } from 'node:net';
import { setImmediate as turn } from 'node:timers/promises';
import type { AddressInfo } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { DirectoryProblem } from './problem.ts';
import { readAnswer, startTls } from './start-tls.ts';

/** ExtendedResponse, resultCode, matchedDN, diagnosticMessage, and what else there is. @see RFC 4511 section 4.12 */
function answer(code: number, { id = 1, tag = 0x78, more = Buffer.alloc(0), message = '' } = {}): Buffer {
  const text = Buffer.from(message);
  const body = [Buffer.from([0x0a, 1, code, 0x04, 0, 0x04, text.length]), text, more];
  const content = Buffer.concat(body);
  const response = Buffer.concat([Buffer.from([0x02, 1, id, tag, content.length]), content]);
  return Buffer.concat([Buffer.from([0x30, response.length]), response]);
}

const YES = answer(0);
/** With the name of what was asked. */
const NAMED = answer(0, { more: Buffer.concat([Buffer.from([0x8a, 22]), Buffer.from('1.3.6.1.4.1.1466.20037')]) });
/** As Active Directory writes it: each length in four bytes. */
const LONG = Buffer.from('3084000000100201017884000000070a010004000400', 'hex');

let server: Server | undefined;
const sockets: Socket[] = [];
afterEach(() => {
  for (const socket of sockets.splice(0)) socket.destroy();
  server?.close();
});

/** A server that, asked for StartTLS, sends these one after another; and what became of it. */
async function against(parts: readonly Buffer[], thenHangsUp = false): Promise<{ client: Socket; asked: Buffer[] }> {
  const asked: Buffer[] = [];
  server = createServer({ noDelay: true }, (socket) => {
    sockets.push(socket);
    socket.once('data', (bytes: Buffer) => {
      asked.push(bytes);
      void (async () => {
        for (const part of parts) {
          socket.write(part);
          await turn();
        }
        if (thenHangsUp) socket.end();
      })();
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const client = connect((server.address() as AddressInfo).port, '127.0.0.1');
  sockets.push(client);
  await once(client, 'connect');
  return { client, asked };
}

test.each([
  ['the shortest', YES],
  ['with its name', NAMED],
  ['with long lengths', LONG],
])('a yes counts, however it is cut: %s', (_, whole) => {
  expect(readAnswer(whole)).toBe('yes');
  for (let cut = 0; cut < whole.length; cut++) expect(readAnswer(whole.subarray(0, cut)), `${cut}`).toBe('unfinished');
});

test('a yes in single bytes goes over the line, and what was asked is StartTLS', async () => {
  const { client, asked } = await against(Array.from(NAMED, (byte) => Buffer.from([byte])));
  await startTls(client);
  const name = Buffer.from('1.3.6.1.4.1.1466.20037').toString('hex');
  expect(Buffer.concat(asked).toString('hex')).toBe(`301d02010177188016${name}`);
  // The handshake is for whoever comes next.
  expect(client.listenerCount('data') + client.listenerCount('error') + client.listenerCount('close')).toBe(0);
});

test.each(Array.from({ length: NAMED.length - 1 }, (_, index) => index + 1))(
  'bytes that came before the handshake are refused (cut after %d)',
  (cut) => {
    const early = Buffer.concat([NAMED, Buffer.from([0x30])]);
    expect(readAnswer(early.subarray(0, cut))).toBe('unfinished');
    expect(readAnswer(early)).toBeInstanceOf(DirectoryProblem);
  },
);

test('whoever sits on the line cannot begin an answer in the clear', async () => {
  const { client } = await against([Buffer.concat([YES, Buffer.from('300c02010161070a0100040004', 'hex')])]);
  await expect(startTls(client)).rejects.toThrow('between StartTLS and the handshake');
});

test.each<[string, Buffer]>([
  ['no', answer(2)],
  ['no, and why', answer(53, { message: 'unwilling' })],
  ['a yes to another question', answer(0, { id: 2 })],
  ['an answer to a bind', answer(0, { tag: 0x61 })],
  ['a greeting of another kind', Buffer.from('220 mail.example.com ESMTP\r\n')],
  ['a message that says nothing', Buffer.from('30030201010000', 'hex').subarray(0, 5)],
  ['the beginning of more than an answer holds', Buffer.from('30820fff', 'hex')],
  ['the beginning of 4 GB', Buffer.from('3084ffffffff', 'hex')],
  ['something without an end', Buffer.from('3080', 'hex')],
  ['a code that reaches over the end', Buffer.from('300702010178020a40', 'hex')],
])('%s is no', (_, bytes) => {
  expect(readAnswer(bytes)).toBeInstanceOf(DirectoryProblem);
});

test('a server that hangs up has not said yes', async () => {
  const { client } = await against([YES.subarray(0, 5)], true);
  await expect(startTls(client)).rejects.toThrow('hung up');
});
