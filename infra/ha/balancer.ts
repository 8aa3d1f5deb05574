import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { serverLines } from '@countersign/cli';
import { accepts, prepareProcess, type RunningProcess } from '@countersign/testkit';
import { startedOn, type Place } from '../dev/machine.ts';
import type { Certificates } from './certificates.ts';
import type { HaLayout } from './ha-layout.ts';
import { fillTemplate } from './template.ts';

/** A service behind the balancer: whichever of its replicas says that it is ready gets the next request. */
export interface BalancedService {
  service: string;
  /** Where each balancer takes its requests. */
  places: readonly Place[];
  replicas: readonly Place[];
  /** To each replica at a time; 1000 unless given. */
  serverConnections?: number;
}

export interface Balancer extends RunningProcess {
  /** Takes over a new configuration without refusing a connection. */
  reload(): void;
}

/** Two HAProxies with the same configuration: callers, or a virtual address in front, use the one that answers. */
export function prepareBalancers(
  { dir, logs, balancers }: Pick<HaLayout, 'dir' | 'logs' | 'balancers'>,
  certificates: Certificates,
  services: readonly BalancedService[],
  onCrash: (name: string, reason: string) => void,
): Balancer[] {
  return balancers.map(({ name, port, machine }, index) => {
    const home = join(dir, name);
    mkdirSync(home, { recursive: true, mode: 0o700 });
    const sections = services.map(({ service, places, replicas, serverConnections = 1000 }) =>
      fillTemplate('haproxy-service.cfg', {
        SERVICE: service,
        HOST: machine.host,
        PORT: places[index]?.port ?? 0,
        CERTIFICATE_AND_KEY: certificates.of(name).both,
        CHECK_HOST: 'localhost',
        AUTHORITY: certificates.authority,
        SERVER_CONNECTIONS: serverConnections,
        REPLICA_PORT: replicas[0]?.port ?? 0,
        SERVERS: serverLines(
          replicas.map(({ name: replica, machine: { host }, port: at }) => ({ name: replica, host, port: at })),
        ),
      }),
    );
    const file = join(home, 'haproxy.cfg');
    const values = { CONNECTIONS: 8192, STATS_SOCKET: join(home, 'stats'), SERVICES: sections.join('\n') };
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
