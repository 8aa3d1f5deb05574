import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { isIPv6 } from 'node:net';

export interface Exchange<T> {
  /** An address, not a name. */
  address: string;
  port: number;
  /** Sent each time as it is: to the server a retransmission is one only when every octet is the same (RFC 2865 section 2.5). */
  octets: Buffer;
  timeoutMs: number;
  tries: number;
  /** Of everything, ms. */
  withinMs: number;
  /** @returns undefined for what is no answer: it is waited on. */
  read: (datagram: Buffer) => T | undefined;
}

/**
 * Asks one server over a socket of its own, connected, whose port the system draws. So nothing but what comes from the address and port that
 * was asked is read; whoever would forge an answer has to guess a port as well as the request; an address where nothing listens is known at
 * once; and no request shares its 256 identifiers with another. A socket costs less than what hashing the packet does.
 * @returns undefined when no answer came in time.
 * @throws when the address cannot be reached, or nothing listens there.
 */
export async function exchange<T>({ address, port, octets, ...options }: Exchange<T>): Promise<T | undefined> {
  const { timeoutMs, tries, withinMs, read } = options;
  const socket = createSocket(isIPv6(address) ? 'udp6' : 'udp4');
  const timers: NodeJS.Timeout[] = [];
  try {
    // Also while nobody waits: one that nobody hears ends the process.
    socket.on('error', () => undefined);
    socket.connect(port, address);
    await once(socket, 'connect');
    return await new Promise<T | undefined>((resolve, reject) => {
      socket.on('error', reject);
      socket.on('message', (datagram) => {
        const answer = read(datagram);
        if (answer !== undefined) resolve(answer);
      });
      const endMs = Math.min(withinMs, tries * timeoutMs);
      for (let sentMs = 0; sentMs < endMs; sentMs += timeoutMs) {
        timers.push(setTimeout(() => socket.send(octets, (error) => error && reject(error)), sentMs));
      }
      timers.push(setTimeout(() => resolve(undefined), endMs));
    });
  } finally {
    for (const timer of timers) clearTimeout(timer);
    socket.close();
  }
}
