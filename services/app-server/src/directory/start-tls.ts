import type { Socket } from 'node:net';
import { DirectoryProblem } from './problem.ts';

/** LDAPMessage 1, ExtendedRequest 1.3.6.1.4.1.1466.20037. @see RFC 4511 section 4.14 */
const REQUEST = Buffer.concat([
  Buffer.from([0x30, 0x1d, 0x02, 0x01, 0x01, 0x77, 0x18, 0x80, 0x16]),
  Buffer.from('1.3.6.1.4.1.1466.20037', 'ascii'),
]);
/** The answer is a code, an empty name and a sentence. */
const LONGEST_ANSWER_BYTES = 1024;
const [SEQUENCE, INTEGER, EXTENDED_RESPONSE, ENUMERATED] = [0x30, 0x02, 0x78, 0x0a];

/**
 * Asks for TLS on a plain connection. Not left to the LDAP client, which would go on with bytes that came before the handshake: whoever
 * sits on the line could begin an answer in the clear, for the first bytes under TLS to complete (LDAP-02 is the same for servers).
 * @throws DirectoryProblem
 */
export function startTls(socket: Socket): Promise<void> {
  return new Promise((resolve, reject) => {
    let received = Buffer.alloc(0);
    const end = (failure?: DirectoryProblem) => {
      socket.off('data', onData).off('close', onClose).off('error', onClose);
      socket.pause();
      if (failure === undefined) resolve();
      else reject(failure);
    };
    const onClose = () => end(new DirectoryProblem('it hung up on StartTLS'));
    const onData = (bytes: Buffer) => {
      received = Buffer.concat([received, bytes]);
      const answer = readAnswer(received);
      if (answer === 'yes') end();
      else if (answer !== 'unfinished') end(answer);
    };
    socket.on('data', onData).on('close', onClose).on('error', onClose);
    socket.write(REQUEST);
  });
}

/** @returns what is wrong with it, or that it said yes and nothing else. */
export function readAnswer(bytes: Buffer): 'yes' | 'unfinished' | DirectoryProblem {
  const message = element(bytes, 0);
  if (bytes.length > 0 && bytes[0] !== SEQUENCE) return new DirectoryProblem('it does not speak LDAP');
  if (Math.max(bytes.length, message?.end ?? 0) > LONGEST_ANSWER_BYTES) {
    return new DirectoryProblem('its answer to StartTLS is too long');
  }
  if (message === undefined || message.end > bytes.length) return 'unfinished';
  if (message.end < bytes.length) return new DirectoryProblem('it sent something between StartTLS and the handshake');
  const id = element(bytes, message.start);
  const response = id === undefined ? undefined : element(bytes, id.end);
  const code = response === undefined ? undefined : element(bytes, response.start);
  const isAnswer =
    id?.tag === INTEGER &&
    bytes.subarray(id.start, id.end).equals(Buffer.from([1])) &&
    response?.tag === EXTENDED_RESPONSE &&
    code?.tag === ENUMERATED &&
    code.end <= bytes.length;
  if (!isAnswer) return new DirectoryProblem('it did not answer StartTLS');
  const said = bytes.subarray(code.start, code.end);
  return said.equals(Buffer.from([0])) ? 'yes' : new DirectoryProblem('it refuses StartTLS');
}

/** One element of BER with a definite length. Active Directory writes each length in four bytes (0x84), however short it is. */
function element(bytes: Buffer, at: number): { tag: number; start: number; end: number } | undefined {
  const [tag, first] = [bytes[at], bytes[at + 1]];
  if (tag === undefined || first === undefined) return undefined;
  if (first < 0x80) return { tag, start: at + 2, end: at + 2 + first };
  const size = first & 0x7f;
  // Without an end, or longer than anything that is taken.
  if (size === 0 || size > 4) return { tag, start: at + 2, end: Infinity };
  if (bytes.length < at + 2 + size) return undefined;
  return { tag, start: at + 2 + size, end: at + 2 + size + bytes.readUIntBE(at + 2, size) };
}
