import { readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { DESCRIPTION_FILE, type MembersAnswer, type ReplicaDescription } from '@countersign/authority';
import { command } from '../command.ts';
import { CommandError, UsageError } from '../failure.ts';
import { writePrivateFiles } from '../private-files.ts';
import { askMembers, firstOf } from '../replicas/inside.ts';
import { readOwn } from '../replicas/own-files.ts';
import { isReady } from './ready.ts';
import { replaceServers, serverLines, type BalancedServer } from './servers.ts';

const NAME = 'balancer update';

export const balancerUpdate = command({
  name: NAME,
  summary: 'Bring the servers in haproxy.cfg or nginx.conf in step with who has joined; run by a timer.',
  details:
    'Writes what stands between `# servers: SERVICE PORT` and `# end of servers`, and nothing when it is the same. A new ' +
    'replica is written once it says that it is ready. Of nginx, which looks at nobody (`# servers: SERVICE PORT, ready at PORT`), those ' +
    'that are not ready are taken out as well. HAProxy or nginx has to be told to reload afterwards. See docs/operations/joining.md.',
  arguments: {},
  options: {
    dir: { kind: 'text', required: true, value: 'folder', description: 'Folder that join or cluster init wrote.' },
    config: { kind: 'text', required: true, value: 'file', description: 'The configuration of HAProxy or nginx.' },
    port: {
      kind: 'texts',
      value: 'name=port',
      description: 'Port of a replica that listens on another one than the rest, as often as there are.',
    },
  },
  examples: [
    'countersign balancer update --dir /etc/countersign/balancer --config /etc/haproxy/haproxy.cfg',
    'countersign balancer update --dir /etc/countersign/balancer --config /etc/nginx/nginx.conf',
  ],
  async run(_session, input) {
    const [folder, file] = [resolve(input.dir), resolve(input.config)];
    const ports = new Map((input.port ?? []).map(namedPort));
    const description = JSON.parse(readOwn(folder, DESCRIPTION_FILE)) as ReplicaDescription;
    const { members, joinUrls } = await firstOf(description.joinUrls, (url) =>
      askMembers({
        url,
        authority: readOwn(folder, 'ca.pem'),
        certificate: readOwn(folder, 'tls.pem'),
        key: readOwn(folder, 'tls.key'),
      }),
    );
    if (joinUrls.length > 0 && joinUrls.join() !== description.joinUrls.join()) {
      // So that this machine finds app-servers when those that it began with are gone.
      const next = { ...description, joinUrls };
      writePrivateFiles(folder, { [DESCRIPTION_FILE]: `${JSON.stringify(next, undefined, 2)}\n` });
    }
    const before = readConfiguration(file);
    const wanted: { server: BalancedServer; readyAt: number | undefined }[] = [];
    const joined = (service: string, port: number) =>
      serversOf(members, service).map(({ name, host }) => ({ name, host, port: ports.get(name) ?? port }));
    const { services } = replaceServers(before, (service, port, readyAt) => {
      const servers = joined(service, port);
      wanted.push(...servers.map((server) => ({ server, readyAt })));
      return servers;
    });
    if (services.length === 0) {
      throw new UsageError(`${file} has no line "# servers: SERVICE PORT", so nothing can be written into it.`, NAME);
    }
    // HAProxy takes a server that it has never looked at for one that works: a new one waits here until it does. nginx looks at none.
    const authority = readOwn(folder, 'ca.pem');
    const isIn = await Promise.all(
      wanted.map(async ({ server, readyAt }) =>
        readyAt === undefined
          ? before.includes(`${serverLines([server])}\n`) || isReady(server, authority)
          : isReady({ ...server, port: readyAt }, authority),
      ),
    );
    const waiting = [...new Set(wanted.flatMap(({ server }, index) => (isIn[index] === true ? [] : [server.name])))];
    const { configuration } = replaceServers(before, (service, port) => {
      const ready = joined(service, port).filter(({ name }) => !waiting.includes(name));
      if (ready.length === 0) throw noReplicas(service);
      return ready;
    });
    const changed = configuration !== before;
    if (changed) {
      writeFileSync(`${file}.new`, configuration, { mode: statSync(file).mode & 0o777 });
      renameSync(`${file}.new`, file);
    }
    return {
      json: { changed, members, waiting },
      text:
        (changed
          ? `${file} is changed. Reload ${services.includes('radius-server') ? 'nginx' : 'HAProxy'}.\n`
          : `${file} is up to date.\n`) + waiting.map((name) => `${name} has joined, and is not ready.\n`).join(''),
    };
  },
});

/** An empty backend would refuse every request: that nobody is there is more likely a mistake than meant. */
function serversOf(members: MembersAnswer['members'], service: string): { name: string; host: string }[] {
  const found = members.flatMap(({ name, service: of, hosts: [host = name] }) =>
    of === service ? [{ name, host }] : [],
  );
  if (found.length > 0) return found;
  throw noReplicas(service);
}

function noReplicas(service: string): CommandError {
  return new CommandError(
    'NO_REPLICAS',
    'conflict',
    `No ${service} has joined and is ready, or all of them were revoked. The configuration was left as it is.`,
    'Join and start one: countersign replicas invite. Or take the section of the service out of the configuration.',
  );
}

function namedPort(text: string): [string, number] {
  const [, name = '', port = ''] = /^([a-z][a-z0-9-]*)=(\d{1,5})$/.exec(text) ?? [];
  if (name === '' || Number(port) > 65_535)
    throw new UsageError(`--port is like sdk-gateway-3=8202, not ${text}`, NAME);
  return [name, Number(port)];
}

function readConfiguration(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (cause) {
    throw new CommandError(
      'CONFIGURATION_UNREADABLE',
      'settings',
      `${file} cannot be read.`,
      'Name the configuration of HAProxy or nginx with --config, and run this as a user who may change it.',
      { cause },
    );
  }
}
