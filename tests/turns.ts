import { connect, createServer, type AddressInfo, type Socket } from 'node:net';

/** A balancer that knows nothing of what it carries: one connection to each replica in turn, without stickiness. */
export interface Turns {
  readonly port: number;
  stop(): Promise<void>;
}

/** @param replicas addresses, once there are some; who comes before is turned away. */
export async function startTurns(replicas: () => readonly string[]): Promise<Turns> {
  const sockets = new Set<Socket>();
  let turn = 0;
  const server = createServer((front) => {
    const urls = replicas();
    const url = urls[turn++ % urls.length];
    if (url === undefined) {
      front.destroy();
      return;
    }
    const back = connect({ host: '127.0.0.1', port: Number(new URL(url).port) });
    for (const [one, other] of [
      [front, back],
      [back, front],
    ] as const) {
      sockets.add(one);
      one.pipe(other);
      one.on('error', () => other.destroy());
      one.on('close', () => {
        sockets.delete(one);
        other.destroy();
      });
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as AddressInfo).port,
    stop: async () => {
      const closed = new Promise((resolve) => server.close(resolve));
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}
