/**
 * The bare path over UDP: one NATS request for each packet, and an answer of twenty octets, which proves nothing. No product logic: what it
 * reaches on a machine is the ceiling for anything built this way.
 */
import { createSocket } from 'node:dgram';
import { connect } from '@nats-io/transport-node';

const { NATS_URL, NATS_USER, NATS_PASSWORD, PORT } = process.env;
const ANSWER_OCTETS = 20;
const ACCESS_ACCEPT = 2;
const nats = await connect({
  servers: NATS_URL ?? '',
  ...(NATS_USER !== undefined && { user: NATS_USER, pass: NATS_PASSWORD ?? '' }),
  inboxPrefix: `_INBOX.${NATS_USER ?? 'bare'}`,
});
const socket = createSocket({ type: 'udp4', recvBufferSize: 4 * 1024 * 1024 });
socket.on('message', (octets, { port, address }) => {
  // Its random octets: nobody else's subject.
  const user = octets.toString('hex', 4, 20);
  const answer = Buffer.alloc(ANSWER_OCTETS);
  answer.set([ACCESS_ACCEPT, octets[1] ?? 0, 0, ANSWER_OCTETS]);
  nats.request('mfa.v1.bare.verify', JSON.stringify({ user, code: '123456' }), { timeout: 5000 }).then(
    () => socket.send(answer, port, address),
    // As in the product: nobody is told anything.
    () => undefined,
  );
});
socket.bind({ port: Number(PORT), address: '127.0.0.1' }, () => process.stdout.write('ready\n'));
process.once('SIGTERM', () => process.exit(0));
