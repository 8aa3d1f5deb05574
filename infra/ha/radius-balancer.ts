import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { nginxServerLines } from '@countersign/cli';
import { accepts, prepareProcess, type RunningProcess } from '@countersign/testkit';
import { startedOn, THIS_MACHINE, type Place } from '../dev/machine.ts';
import type { HaLayout, RadiusPlace } from './ha-layout.ts';
import { fillTemplate } from './template.ts';

/** Where Debian has it. */
const STREAM_MODULE = '/usr/lib/nginx/modules/ngx_stream_module.so';
/** Longer than the longest that a product waits: 60 s and what a person of a demo takes. */
const WAIT_SECONDS = 75;

/**
 * The source that radius-servers see, as nginx writes it. On machines of their own that is the client itself, which needs the routes of
 * return-path. On one machine its address is the same for everybody, and its port is taken by the client: any other will do.
 */
function sourcesOn({ host }: Place['machine'], standIn?: string): { datagrams: string; streams: string } {
  return host === THIS_MACHINE.host
    ? { datagrams: standIn ?? host, streams: standIn ?? host }
    : { datagrams: '$client transparent', streams: '$remote_addr transparent' };
}

/**
 * nginx with the same configuration on each machine that has a balancer.
 * @param options `standIn`: another address of this machine, that radius-servers see clients come from where everything is on it.
 */
export function prepareRadiusBalancers(
  { dir, logs, radiusBalancers }: Pick<HaLayout, 'dir' | 'logs' | 'radiusBalancers'>,
  replicas: readonly RadiusPlace[],
  onCrash: (name: string, reason: string) => void,
  { waitSeconds = WAIT_SECONDS, standIn }: { waitSeconds?: number; standIn?: string } = {},
): RunningProcess[] {
  return radiusBalancers.map(({ name, machine, port, authentication, accounting, radsec }) => {
    const home = join(dir, name);
    mkdirSync(home, { recursive: true, mode: 0o700 });
    const servers = (portOf: (replica: RadiusPlace) => number) =>
      nginxServerLines(
        replicas.map((replica) => ({ name: replica.name, host: replica.machine.host, port: portOf(replica) })),
        '    ',
      );
    const source = sourcesOn(machine, standIn);
    const [first] = replicas;
    const section = fillTemplate('nginx-radius.conf', {
      NAME: 'radius',
      HOST: machine.host,
      AUTHENTICATION_PORT: first?.authentication ?? 0,
      ACCOUNTING_PORT: first?.accounting ?? 0,
      RADSEC_PORT: first?.radsec ?? 0,
      STATUS_PORT: first?.port ?? 0,
      BALANCED_AUTHENTICATION_PORT: authentication,
      BALANCED_ACCOUNTING_PORT: accounting,
      BALANCED_RADSEC_PORT: radsec,
      SOURCE: source.datagrams,
      STREAM_SOURCE: source.streams,
      WAIT_SECONDS: waitSeconds,
      AUTHENTICATION_SERVERS: servers((replica) => replica.authentication),
      ACCOUNTING_SERVERS: servers((replica) => replica.accounting),
      RADSEC_SERVERS: servers((replica) => replica.radsec),
    });
    const file = join(home, 'nginx.conf');
    const values = {
      STREAM_MODULE,
      WORKERS: 1,
      CONNECTIONS: 8192,
      CLIENT_CONNECTIONS: 2048,
      PID: join(home, 'nginx.pid'),
      ERROR_LOG: 'stderr',
      SECTIONS: section,
    };
    writeFileSync(file, fillTemplate('nginx.conf', values), { mode: 0o600 });
    return prepareProcess({
      name,
      command: existsSync('/usr/sbin/nginx') ? '/usr/sbin/nginx' : 'nginx',
      args: ['-c', file, '-e', 'stderr', '-g', 'daemon off;'],
      ...startedOn(machine),
      logFile: join(logs, `${name}.log`),
      readyWhen: () => accepts(port, machine.host),
      // Ends at once: what it has under way, clients ask for again.
      stopTimeoutMs: 5000,
      onCrash: (reason) => onCrash(name, reason),
    });
  });
}
