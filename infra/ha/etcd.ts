import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { accepts, prepareProcess, type RunningProcess } from '@countersign/testkit';
import { startedOn } from '../dev/machine.ts';
import type { Certificates } from './certificates.ts';
import type { HaLayout } from './ha-layout.ts';
import { fillTemplate } from './template.ts';

/** Three members, none started. */
export function prepareEtcd(
  { dir, logs, etcd }: HaLayout,
  certificates: Certificates,
  onCrash: (name: string, reason: string) => void,
): RunningProcess[] {
  const members = etcd.map(({ name, machine, peer }) => `${name}=https://${machine.host}:${peer}`).join(',');
  return etcd.map(({ name, machine, client, peer }) => {
    const data = join(dir, name);
    mkdirSync(data, { recursive: true, mode: 0o700 });
    const { certificate, key } = certificates.of(name);
    const file = join(dir, `${name}.yml`);
    const values = {
      NAME: name,
      HOST: machine.host,
      LISTEN: machine.host,
      DATA: data,
      CLIENT_PORT: client,
      PEER_PORT: peer,
      MEMBERS: members,
      CERTIFICATE: certificate,
      KEY: key,
      AUTHORITY: certificates.authority,
    };
    writeFileSync(file, fillTemplate('etcd.yml', values), { mode: 0o600 });
    return prepareProcess({
      name,
      command: program(),
      args: ['--config-file', file],
      ...startedOn(machine),
      logFile: join(logs, `${name}.log`),
      readyWhen: () => accepts(client, machine.host),
      // The last of three has nobody to hand its duties to and would wait long.
      stopTimeoutMs: 3000,
      onCrash: (reason) => onCrash(name, reason),
    });
  });
}

function program(): string {
  return existsSync('/usr/bin/etcd') ? '/usr/bin/etcd' : 'etcd';
}
