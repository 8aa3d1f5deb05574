import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { waitUntil } from '@countersign/testkit';
import { expect, test } from 'vitest';
import { command } from './command.ts';
import { MACHINES, makeNetwork, whyNoNetwork, type MachineNumber, type Network } from './network.ts';

const PORT = 5000;
/** On a busy machine a program starts late, and a connection with it. */
const LATE = { timeout: 15_000 };

async function reached(network: Network, from: MachineNumber | 'outside', to: MachineNumber): Promise<boolean> {
  return (await network.connectMs(from, network.hostOf(to), PORT)) !== undefined;
}

test.skipIf(whyNoNetwork() !== undefined)(
  'machines (skipped where no network can be made, and for whoever is not root) lose each other as they are told to, and leave nothing behind',
  // Packets that are lost are sent again after a second, and a busy machine makes namespaces slowly.
  { timeout: 60_000 },
  async () => {
    const network = await makeNetwork(`network.test ${process.pid}`, PORT);
    const listening = `require('node:net').createServer((s) => s.end()).listen(${PORT}, process.argv[1], () => console.log('up'))`;
    const servers = MACHINES.map((machine) =>
      spawn('/sbin/ip', [
        'netns',
        'exec',
        network.namespaceOf(machine),
        process.execPath,
        '-e',
        listening,
        network.hostOf(machine),
      ]),
    );
    const carrier = createServer((socket) => socket.end()).listen(PORT, network.outside);
    try {
      await Promise.all([once(carrier, 'listening'), ...servers.map((server) => once(server.stdout, 'data'))]);
      await expect.poll(() => reached(network, 'outside', 1), LATE).toBe(true);
      await expect.poll(() => reached(network, 1, 2), LATE).toBe(true);
      expect(await network.connectMs(3, '127.0.0.1', PORT)).toBeDefined();

      network.silence([{ at: 1, from: [2] }]);
      expect(await reached(network, 1, 2)).toBe(false);
      await expect.poll(() => reached(network, 1, 3), LATE).toBe(true);
      expect(network.packets(1, 2).arrived).toBeGreaterThan(0);
      expect(network.packets(2, 1)).toEqual({ arrived: 0, dropped: expect.any(Number) as number });
      network.mend();
      await expect.poll(() => reached(network, 1, 2), LATE).toBe(true);

      network.plug(2, false);
      expect(await reached(network, 'outside', 2)).toBe(false);
      expect(await reached(network, 1, 2)).toBe(false);
      network.mend();
      await expect.poll(() => reached(network, 'outside', 2), LATE).toBe(true);

      await network.weather({ lossPercent: 50 });
      await waitUntil(async () => {
        await reached(network, 1, 2);
        const { arrived, dropped } = network.packets(1, 2);
        return arrived > 0 && dropped > 0;
      });
      await network.weather({ delayMs: 100 });
      await network.connectMs(1, network.hostOf(2), PORT);
      expect(await network.connectMs(1, network.hostOf(2), PORT)).toBeGreaterThanOrEqual(200);
      network.mend();
      await expect.poll(() => reached(network, 1, 2), LATE).toBe(true);
    } finally {
      carrier.close();
      await network.remove();
    }
    const left =
      command('/sbin/ip', ['netns']) + command('/sbin/ip', ['-o', '-4', 'addr']) + command('/sbin/ip', ['-o', 'link']);
    for (const trace of [network.namespaceOf(1).slice(0, -2), network.outside]) expect(left).not.toContain(trace);
    await Promise.all(
      servers.map(async (server) => server.exitCode ?? server.signalCode ?? (await once(server, 'exit'))),
    );
  },
);
