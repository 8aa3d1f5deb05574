import { setTimeout as sleep } from 'node:timers/promises';
import { proved } from './bite.ts';
import type { Cluster, Member } from './cluster.ts';
import type { Fault } from './faults.ts';

const LASTS_SECONDS = 15;
/** What a file system keeps for itself when it takes nothing more. */
const FULL_BYTES = 256 * 1024;

export const fillDisk =
  (serverOf: (cluster: Cluster) => Promise<Member>): Fault['inject'] =>
  async (cluster) => {
    const { disks } = cluster.machines();
    const server = await serverOf(cluster);
    const fill = () => proved(disks.fill(server) < FULL_BYTES, `the disk of ${server} is full`);
    try {
      fill();
      // What the server gives back meanwhile is taken, too.
      for (let second = 0; second < LASTS_SECONDS; second++) {
        await sleep(1000);
        fill();
      }
    } finally {
      disks.free(server);
      // nats-server gives its streams up for good when the disk takes no more, and 2.9 may hang, deaf to SIGTERM: whoever made room
      // starts it anew.
      if (server.startsWith('nats-')) cluster.signal(cluster.processes(server), 'SIGKILL');
    }
  };
