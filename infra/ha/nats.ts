import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { findNatsServer, isHealthy, prepareProcess, type RunningProcess } from '@countersign/testkit';
import { startedOn } from '../dev/machine.ts';
import { CannotStart } from '../dev/running-stack.ts';
import type { Certificates } from './certificates.ts';
import type { HaLayout } from './ha-layout.ts';

/** Three servers of one cluster, none started. Their configuration is what founding wrote. */
export function prepareNats(
  { dir, logs, nats }: HaLayout,
  certificates: Certificates,
  onCrash: (name: string, reason: string) => void,
): RunningProcess[] {
  const program = findNatsServer();
  if (program === undefined) throw new CannotStart('nats-server is missing. On Debian: apt-get install nats-server');
  return nats.map(({ name, machine, monitor }) => {
    mkdirSync(join(dir, name), { recursive: true, mode: 0o700 });
    return prepareProcess({
      name,
      command: program.path,
      args: ['-c', join(certificates.of(name).folder, 'nats-server.conf')],
      ...startedOn(machine),
      logFile: join(logs, `${name}.log`),
      readyWhen: () => isHealthy(machine.host, monitor),
      // Each "not yet" is a line in its log.
      readyEveryMs: 100,
      onCrash: (reason) => onCrash(name, reason),
    });
  });
}
