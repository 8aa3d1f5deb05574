import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { accepts, prepareProcess, type RunningProcess } from '@countersign/testkit';
import { startedOn, type Place } from '../dev/machine.ts';
import type { Certificates } from './certificates.ts';
import type { HaLayout } from './ha-layout.ts';
import { fillTemplate } from './template.ts';

/** A service behind the balancer: whichever of its replicas says that it is ready gets the next request. */
export interface BalancedService {
  service: string;
  port: (balancer: number) => number;
  replicas: readonly Place[];
}

export interface Balancer extends RunningProcess {
  /** Takes over a new configuration without refusing a connection. */
  reload(): void;
}

/** Two HAProxies with the same configuration: callers, or a virtual address in front, use the one that answers. */
export function prepareBalancers(
  { dir, logs, balancers }: HaLayout,
  certificates: Certificates,
  services: readonly BalancedService[],
  onCrash: (name: string, reason: string) => void,
): Balancer[] {
  return balancers.map(({ name, port, machine }, index) => {
    const home = join(dir, name);
    mkdirSync(home, { recursive: true, mode: 0o700 });
    const sections = services.map(({ service, port: portOf, replicas }) =>
      fillTemplate('haproxy-service.cfg', {
        SERVICE: service,
        HOST: machine.host,
        PORT: portOf(index),
        CERTIFICATE_AND_KEY: certificates.of('balancer').both,
        CHECK_HOST: 'localhost',
        AUTHORITY: certificates.authority,
        SERVERS: replicas
          .map((replica) => `  server ${replica.name} ${replica.machine.host}:${replica.port}`)
          .join('\n'),
      }),
    );
    const file = join(home, 'haproxy.cfg');
    const values = { STATS_SOCKET: join(home, 'stats'), SERVICES: sections.join('\n') };
    writeFileSync(file, fillTemplate('haproxy.cfg', values), { mode: 0o600 });
    const running = prepareProcess({
      name,
      command: existsSync('/usr/sbin/haproxy') ? '/usr/sbin/haproxy' : 'haproxy',
      args: ['-W', '-db', '-f', file],
      ...startedOn(machine),
      logFile: join(logs, `${name}.log`),
      readyWhen: () => accepts(port, machine.host),
      // Ends what is under way, and long polls with it.
      stopSignal: 'SIGUSR1',
      stopTimeoutMs: 5000,
      onCrash: (reason) => onCrash(name, reason),
    });
    return Object.assign(Object.create(running) as RunningProcess, {
      reload: () => {
        process.kill(running.pid, 'SIGUSR2');
      },
    });
  });
}
