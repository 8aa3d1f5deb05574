import { randomBytes, randomInt } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import {
  ATTRIBUTE,
  checkReply,
  CODE,
  encodeAccessRequest,
  firstOf,
  hidePassword,
  readPacket,
  type Packet,
} from '@countersign/radius';
import { codeIn, inbox, newMessage } from './demo-inbox.ts';
import type { DevFile } from './dev-file.ts';

const ANSWER_WITHIN_MS = 10_000;
/** What is typed to be sent a code, whatever the prompt proposes. */
const ASK_FOR_SMS = 'sms';

/**
 * A VPN gateway asks for password and code, each time at the other server. Nothing where there is no directory, which holds passwords.
 * @throws Error when any step does not end as it must.
 */
export async function showRadiusLogin(dev: DevFile, say: (line: string) => void): Promise<void> {
  const { radiusServers, radiusClient } = dev;
  const [first, second = first] = radiusServers;
  // Not the one whose code by SMS was just used.
  const user = dev.users.at(-1);
  if (first === undefined || second === undefined || radiusClient === undefined) return;
  if (user === undefined || dev.newcomers.length === 0) return;
  say(`Login of ${user.username} over RADIUS, at "${radiusClient.name}":`);
  const tell = (step: string, where: string, ms: number, what: string) =>
    say(`  ${step.padEnd(7)} ${where.padEnd(30)} ${`${Math.round(ms)} ms`.padStart(8)}   ${what}`);
  const secret = Buffer.from(radiusClient.secret);
  const turn = async (step: string, server: string, typed: string, state?: Buffer) => {
    const startedAt = performance.now();
    const reply = await ask(server, { username: user.username, typed, secret, ...(state !== undefined && { state }) });
    const text = firstOf(reply, ATTRIBUTE.replyMessage)?.toString() ?? '';
    const named = reply.code === CODE.accessAccept ? 'Access-Accept' : text;
    if (reply.code === CODE.accessReject) throw new Error(`${step}: Access-Reject ${text}`);
    tell(step, server, performance.now() - startedAt, named);
    return reply;
  };
  const before = await inbox(dev, user.phone);
  const asked = await turn('start', first.authentication, user.password);
  const startedAt = performance.now();
  const sent = await turn('"sms"', second.authentication, ASK_FOR_SMS, firstOf(asked, ATTRIBUTE.state));
  const { message, ms } = await newMessage(dev, user.phone, before, startedAt);
  tell('SMS', 'inbox', ms, JSON.stringify(message.split('\n')[0]));
  const done = await turn('code', first.authentication, codeIn(message), firstOf(sent, ATTRIBUTE.state));
  if (done.code !== CODE.accessAccept) throw new Error('the right code did not end in an Access-Accept');
}

interface Question {
  username: string;
  typed: string;
  state?: Buffer;
  secret: Buffer;
}

/** One Access-Request and its reply, whose proof is right. @throws Error when none comes in time. */
async function ask(server: string, { username, typed, state, secret }: Question): Promise<Packet> {
  const [host = '', port] = server.split(':');
  const authenticator = randomBytes(16);
  const octets = encodeAccessRequest(
    {
      id: randomInt(256),
      authenticator,
      attributes: [
        { type: ATTRIBUTE.userName, value: Buffer.from(username) },
        { type: ATTRIBUTE.userPassword, value: hidePassword(Buffer.from(typed), secret, authenticator) },
        { type: ATTRIBUTE.nasIdentifier, value: Buffer.from('demo') },
        ...(state === undefined ? [] : [{ type: ATTRIBUTE.state, value: state }]),
      ],
    },
    secret,
  );
  const socket = createSocket('udp4');
  const replied = once(socket, 'message', { signal: AbortSignal.timeout(ANSWER_WITHIN_MS) });
  socket.send(octets, Number(port), host);
  try {
    const [datagram] = (await replied) as [Buffer];
    const reply = readPacket(datagram, '1.0');
    if ('malformed' in reply) throw new Error(`${server} sent what is no RADIUS: ${reply.malformed}`);
    const proof = checkReply(reply, { requestAuthenticator: authenticator, secret, requireMessageAuthenticator: true });
    if (proof !== 'right') throw new Error(`the reply of ${server} is not proven: ${proof}`);
    return reply;
  } catch (error) {
    if (error instanceof Error && error.name === 'AbortError')
      throw new Error(`${server} did not answer`, { cause: error });
    throw error;
  } finally {
    socket.close();
  }
}
