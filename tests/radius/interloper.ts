import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';

/** Stands between a RADIUS client and its server, reads everything, and changes what comes back. */
export interface Interloper {
  /** Where clients find it, on 127.0.0.1. */
  readonly port: number;
  /** How many answers it was given. */
  readonly answers: number;
  close(): Promise<void>;
}

/**
 * @param from address of this machine that it asks from, as if it were the client
 * @param change what it makes of an answer to a request; undefined: nothing goes on
 */
export async function startInterloper(
  server: { port: number },
  from: string,
  change: (answer: Buffer, request: Buffer) => Buffer | undefined,
): Promise<Interloper> {
  const front = createSocket('udp4');
  const backs = new Set<Socket>();
  let answers = 0;
  front.on('message', (request, client) => {
    const back = createSocket('udp4');
    backs.add(back);
    back.on('message', (answer) => {
      answers += 1;
      const changed = change(Buffer.from(answer), request);
      if (changed !== undefined) front.send(changed, client.port, client.address);
    });
    back.bind(0, from, () => back.send(request, server.port, '127.0.0.1'));
  });
  front.bind(0, '127.0.0.1');
  await once(front, 'listening');
  return {
    port: front.address().port,
    get answers() {
      return answers;
    },
    close: async () => {
      await Promise.all(
        [front, ...backs].map((socket) => new Promise<void>((resolve) => socket.close(() => resolve()))),
      );
    },
  };
}
