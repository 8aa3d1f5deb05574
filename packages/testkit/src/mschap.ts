import { createCipheriv, createHash } from 'node:crypto';

const SHA_PADS = [Buffer.alloc(40), Buffer.alloc(40, 0xf2)] as const;
const KEY_OCTETS = 16;
const OF_CLIENT_RECEIVE = 'On the client side, this is the receive key; on the server side, it is the send key.';
const OF_CLIENT_SEND = 'On the client side, this is the send key; on the server side, it is the receive key.';

export interface MschapLogin {
  username: string;
  password: string;
  /** 16 octets each: of the access server, and of whoever logs in. */
  challenge: Buffer;
  peerChallenge: Buffer;
}

/** What somebody who knows the password computes of an MS-CHAPv2 login, on their own side. */
export interface MschapClient {
  /** Eight octets of what both challenged with. */
  challengeHash: Buffer;
  ntResponse: Buffer;
  /** The value of MS-CHAP2-Response, RFC 2548 section 2.3.2. */
  response: Buffer;
  /** What only a server that knows the password can say: `S=` and 40 hexadecimal digits. */
  success: string;
  masterKey: Buffer;
  /** Keys of 128 bits that begin the encryption, as the access server names them: what it sends with, and what it receives with. */
  sendKey: Buffer;
  receiveKey: Buffer;
  /** The first key that the access server encrypts with, made of its `sendKey`. */
  sendSessionKey: Buffer;
}

/** @see RFC 2759 section 8, RFC 3079 section 3 */
export function mschapClient({ username, password, challenge, peerChallenge }: MschapLogin): MschapClient {
  const challengeHash = sha1(peerChallenge, challenge, username).subarray(0, 8);
  const passwordHash = md4(Buffer.from(password, 'utf16le'));
  const ntResponse = desResponse(passwordHash, challengeHash);
  const passwordHashHash = md4(passwordHash);
  const signed = sha1(passwordHashHash, ntResponse, 'Magic server to client signing constant');
  const success = sha1(signed, challengeHash, 'Pad to make it do more than one iteration')
    .toString('hex')
    .toUpperCase();
  const masterKey = sha1(passwordHashHash, ntResponse, 'This is the MPPE Master Key').subarray(0, KEY_OCTETS);
  const startKey = (of: string) => sha1(masterKey, SHA_PADS[0], of, SHA_PADS[1]).subarray(0, KEY_OCTETS);
  const sendKey = startKey(OF_CLIENT_RECEIVE);
  return {
    challengeHash,
    ntResponse,
    response: Buffer.concat([Buffer.alloc(2), peerChallenge, Buffer.alloc(8), ntResponse]),
    success: `S=${success}`,
    masterKey,
    sendKey,
    receiveKey: startKey(OF_CLIENT_SEND),
    sendSessionKey: sha1(sendKey, SHA_PADS[0], sendKey, SHA_PADS[1]).subarray(0, KEY_OCTETS),
  };
}

function sha1(...parts: readonly (Buffer | string)[]): Buffer {
  const hash = createHash('sha1');
  for (const part of parts) hash.update(part);
  return hash.digest();
}

/** Three times DES over the challenge, with seven octets of the hash each, RFC 2759 section 8.5. */
function desResponse(passwordHash: Buffer, challengeHash: Buffer): Buffer {
  const padded = Buffer.concat([passwordHash, Buffer.alloc(5)]);
  const encrypted = [0, 7, 14].map((at) => {
    const key = desKey(padded.subarray(at, at + 7));
    // DES alone is gone from OpenSSL; three times with one key it is the same.
    return createCipheriv('des-ede', Buffer.concat([key, key]), null)
      .setAutoPadding(false)
      .update(challengeHash);
  });
  return Buffer.concat(encrypted);
}

/** Seven bits to an octet, the last for a parity that nobody looks at. */
function desKey(octets: Buffer): Buffer {
  const bits = BigInt(`0x${octets.toString('hex')}`);
  return Buffer.from(Array.from({ length: 8 }, (_, index) => Number((bits >> BigInt(49 - 7 * index)) & 0x7fn) << 1));
}

/** Each round: which word of the block at which step, how far it is turned, and what is added. */
const MD4_ROUNDS = [
  {
    order: [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15],
    turns: [3, 7, 11, 19],
    added: 0,
    mixed: (x: number, y: number, z: number) => (x & y) | (~x & z),
  },
  {
    order: [0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15],
    turns: [3, 5, 9, 13],
    added: 0x5a827999,
    mixed: (x: number, y: number, z: number) => (x & y) | (x & z) | (y & z),
  },
  {
    order: [0, 8, 4, 12, 2, 10, 6, 14, 1, 9, 5, 13, 3, 11, 7, 15],
    turns: [3, 9, 11, 15],
    added: 0x6ed9eba1,
    mixed: (x: number, y: number, z: number) => x ^ y ^ z,
  },
] as const;

/** RFC 1320. Node's OpenSSL has it no more. */
function md4(message: Buffer): Buffer {
  const padded = Buffer.alloc(Math.ceil((message.length + 9) / 64) * 64);
  message.copy(padded);
  padded.writeUInt8(0x80, message.length);
  padded.writeUInt32LE(message.length * 8, padded.length - 8);
  let state = [0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476] as [number, number, number, number];
  for (let block = 0; block < padded.length; block += 64) {
    let [a, b, c, d] = state;
    for (const { order, turns, added, mixed } of MD4_ROUNDS) {
      for (const [step, word] of order.entries()) {
        const sum = (a + mixed(b, c, d) + padded.readUInt32LE(block + word * 4) + added) | 0;
        const turn = turns[step % 4] ?? 0;
        [a, b, c, d] = [d, (sum << turn) | (sum >>> (32 - turn)), b, c];
      }
    }
    state = [state[0] + a, state[1] + b, state[2] + c, state[3] + d];
  }
  const digest = Buffer.alloc(16);
  for (const [index, word] of state.entries()) digest.writeInt32LE(word | 0, index * 4);
  return digest;
}
