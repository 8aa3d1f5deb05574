import { HOST_NAME, REPLICA_NAME } from '@countersign/authority';
import { CommandError } from '../failure.ts';

const NAME = new RegExp(REPLICA_NAME);
const HOST = new RegExp(HOST_NAME);

/** A replica as a balancer reaches it. Its certificate is good for its name. */
export interface BalancedServer {
  name: string;
  host: string;
  port: number;
}

/** The part of a configuration that is ours: everything else is the operator's. */
const BLOCK = /^( *)# servers: ([a-z-]+) (\d+)(?:, ready at (\d+))?\n[\s\S]*?^ *# end of servers$/gm;

/**
 * Who is told by an app-server becomes lines of a file that root reads: a name or a host that is none could become a line of its own.
 * @throws CommandError
 */
function checkServer({ name, host }: Pick<BalancedServer, 'name' | 'host'>): void {
  if (NAME.test(name) && HOST.test(host)) return;
  throw new CommandError(
    'MEMBER_INVALID',
    'internal',
    `app-server names ${JSON.stringify(name)} at ${JSON.stringify(host)}, which is no replica's name or host. The configuration was left as it is.`,
    'Look at the app-servers: one of them may have been taken over. See docs/operations/joining.md.',
  );
}

/** Lines of a backend. The address may be any; whoever answers there has to be the replica of that name. */
export function serverLines(servers: readonly BalancedServer[], indent = '  '): string {
  for (const server of servers) checkServer(server);
  return servers.map(({ name, host, port }) => `${indent}server ${name} ${host}:${port} verifyhost ${name}`).join('\n');
}

/** Lines of an `upstream` of nginx, which does not ask whether they are ready, and is not to take silence for failure. */
export function nginxServerLines(servers: readonly BalancedServer[], indent = '  '): string {
  for (const server of servers) checkServer(server);
  return servers.map(({ name, host, port }) => `${indent}server ${host}:${port} max_fails=0; # ${name}`).join('\n');
}

/**
 * The same configuration with other servers between `# servers: SERVICE PORT` and `# end of servers`. Where nginx sends them what HTTPS is
 * not, the mark says where they tell whether they are ready: `# servers: SERVICE PORT, ready at PORT`.
 * @param serversOf the service at hand, which listens at the port unless somebody knows better.
 */
export function replaceServers(
  configuration: string,
  serversOf: (service: string, port: number, readyAt: number | undefined) => readonly BalancedServer[],
): { configuration: string; services: string[] } {
  const services: string[] = [];
  const replaced = configuration.replaceAll(
    BLOCK,
    (_block, indent: string, service: string, port: string, readyAt: string | undefined) => {
      services.push(service);
      const servers = serversOf(service, Number(port), readyAt === undefined ? undefined : Number(readyAt));
      const lines = readyAt === undefined ? serverLines(servers, indent) : nginxServerLines(servers, indent);
      const mark = `# servers: ${service} ${port}${readyAt === undefined ? '' : `, ready at ${readyAt}`}`;
      return `${indent}${mark}\n${lines}\n${indent}# end of servers`;
    },
  );
  return { configuration: replaced, services };
}
