import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { foundInstallation, HOST_NAME, isUnsynced, syncsEachWrite, type NatsMember } from '@countersign/authority';
import { command } from '../command.ts';
import { UsageError } from '../failure.ts';
import { writePrivateFiles } from '../private-files.ts';

const NAME = 'cluster init';
const GIBIBYTE = 1024 ** 3;

export const clusterInit = command({
  name: NAME,
  summary: 'Make the keys, certificates and configuration of a new installation; works offline.',
  details:
    'Writes a folder for each NATS server, one for the first app-server, one for the administrator, and one (offline) that ' +
    'belongs into a safe. Everything in them is secret. See docs/operations/joining.md.',
  arguments: {},
  options: {
    out: { kind: 'text', required: true, description: 'Folder to write to; it must not exist.' },
    nats: {
      kind: 'text',
      required: true,
      value: 'hosts',
      description:
        'Names of the NATS servers as all machines reach them: three, comma-separated; host, host:port or host:port:route port.',
    },
    'app-server': {
      kind: 'text',
      required: true,
      value: 'host',
      description: 'Name of the machine of the first app-server, host or host:port.',
    },
    postgres: {
      kind: 'text',
      value: 'hosts',
      description:
        'Names of the machines of Postgres, host or host:port: certificates and the roles of the database are made as well.',
    },
    etcd: { kind: 'text', value: 'hosts', description: 'Names of the machines of etcd, for their certificates.' },
    balancer: { kind: 'text', value: 'hosts', description: 'Names of the balancers, for their inside certificates.' },
    'public-url': {
      kind: 'text',
      required: true,
      value: 'url',
      description: 'Where callers reach sdk-gateway: https://mfa.example.com',
    },
    name: { kind: 'text', description: 'Name of the installation in its CA; Countersign unless given.' },
    'nats-version': {
      kind: 'text',
      value: 'version',
      description: 'Version of nats-server; 2.10 unless given. An older one cannot sync each write to disk.',
    },
    'accept-unsynced': {
      kind: 'flag',
      description:
        'With nats-server before 2.10: accept that decisions of the last two minutes are lost when the servers lose power together.',
    },
    etc: {
      kind: 'text',
      value: 'folder',
      description:
        'Folder below which the files will be on each machine, a folder for each service; /etc/countersign unless given.',
    },
    data: {
      kind: 'text',
      value: 'folder',
      description: 'Where a NATS server keeps its data; /var/lib/nats unless given.',
    },
    'max-gigabytes': {
      kind: 'integer',
      minimum: 1,
      maximum: 100_000,
      value: 'number',
      description: 'Disk that streams may take on each server; 8 unless given.',
    },
  },
  examples: [
    'countersign cluster init --out installation --nats nats-1.example.com,nats-2.example.com,nats-3.example.com --postgres db-1.example.com,db-2.example.com --etcd etcd-1.example.com,etcd-2.example.com,etcd-3.example.com --balancer lb-1.example.com,lb-2.example.com --app-server app-1.example.com --public-url https://mfa.example.com',
  ],
  async run(session, input) {
    const out = resolve(input.out);
    if (existsSync(out)) throw new UsageError(`${out} exists. An installation is made into a new folder.`, NAME);
    if (!/^https:\/\/[^/?#@]+$/.test(input['public-url'])) {
      throw new UsageError('--public-url is an https address without a path.', NAME);
    }
    const members = hostsOf(input.nats).map(member);
    const appServer = hostAndPorts(input['app-server'], [8100]);
    const syncsWrites = syncsEachWrite(version(input['nats-version'] ?? '2.10'));
    const acceptUnsynced = input['accept-unsynced'];
    const unsynced = isUnsynced({ members, syncsWrites });
    if (unsynced && !acceptUnsynced) {
      throw new UsageError(
        'nats-server before 2.10 cannot sync each write to disk: decisions of the last two minutes are lost when the servers lose power ' +
          'together, and a code that was used could be used again. Install 2.10 or newer; or accept it ' +
          'with --accept-unsynced.',
        NAME,
      );
    }
    const nodes = hostsOf(input.postgres).map((text, index) => {
      const { host, ports } = hostAndPorts(text, [5432]);
      return { name: `postgres-${index + 1}`, host, port: ports[0] ?? 5432 };
    });
    const others = (['etcd', 'balancer'] as const).flatMap((service) =>
      hostsOf(input[service]).map((text, index) => ({
        service,
        name: `${service}-${index + 1}`,
        hosts: [hostAndPorts(text, []).host],
      })),
    );
    const secret = () => ({ password: randomBytes(24).toString('hex'), salt: randomBytes(16) });
    const [etc, data] = [input.etc ?? '/etc/countersign', input.data ?? '/var/lib/nats'];
    const { folders, installation } = await foundInstallation({
      name: input.name ?? 'Countersign',
      members,
      appServer: { name: 'app-server-1', hosts: [appServer.host], port: appServer.ports[0] ?? 8100 },
      ...(nodes.length > 0 && {
        postgres: { nodes, roles: { owner: secret(), firstAppServer: secret(), monitor: secret() } },
      }),
      others,
      publicUrl: input['public-url'],
      folderOf: (_name, service) => join(etc, service),
      dataFolderOf: () => data,
      syncsWrites,
      acceptUnsynced,
      maxFileBytes: (input['max-gigabytes'] ?? 8) * GIBIBYTE,
      keyRing: `k1:${randomBytes(32).toString('base64')}`,
      routePassword: randomBytes(32).toString('base64url'),
      now: session.now(),
    });
    for (const [folder, files] of Object.entries(folders)) writePrivateFiles(join(out, folder), files);
    const places = new Map(
      installation.founders.map(({ name, service, hosts: [host = name] }) => [
        name,
        `to ${join(etc, service)} on ${service === 'admin' ? 'the machine you administer from' : host}`,
      ]),
    );
    const copies = Object.keys(folders).map(
      (folder) => `  ${out}/${folder}: ${places.get(folder) ?? 'into a safe, onto no machine'}\n`,
    );
    const accepted = unsynced
      ? 'Accepted in app-server.env (COUNTERSIGN_NATS_UNSYNCED): decisions of the last two minutes are lost when the NATS servers lose ' +
        'power together. How to do better later: docs/operations/upgrading.md\n'
      : '';
    return {
      json: { out, folders: Object.keys(folders) },
      text: `Made. Copy, by a way that nobody else reads:\n${copies.join('')}Then: docs/operations/joining.md\n${accepted}`,
    };
  },
});

function hostsOf(text = ''): string[] {
  return text
    .split(',')
    .map((host) => host.trim())
    .filter((host) => host !== '');
}

function member(text: string, index: number): NatsMember {
  const { host, ports } = hostAndPorts(text, [4222, 6222]);
  return { name: `nats-${index + 1}`, host, clientPort: ports[0] ?? 4222, routePort: ports[1] ?? 6222 };
}

function hostAndPorts(text: string, standard: readonly number[]): { host: string; ports: number[] } {
  const [host = '', ...given] = text.split(':');
  const ports = standard.map((port, index) => Number(given[index] ?? port));
  const isPort = (port: number) => Number.isInteger(port) && port > 0 && port < 65_536;
  if (!new RegExp(HOST_NAME).test(host) || given.length > standard.length || !ports.every(isPort)) {
    throw new UsageError(`${JSON.stringify(text)} is not a host, or a host with its port.`, NAME);
  }
  // Clients check the name in the certificate, and a client of NATS checks no address.
  if (/^[0-9.]+$/.test(host))
    throw new UsageError(`Give ${host} a name: addresses are not checked against certificates.`, NAME);
  return { host, ports };
}

function version(text: string): [number, number] {
  const [, major, minor] = /^v?(\d+)\.(\d+)/.exec(text) ?? [];
  if (major === undefined || minor === undefined) throw new UsageError('--nats-version is like 2.9 or 2.12.1.', NAME);
  return [Number(major), Number(minor)];
}
