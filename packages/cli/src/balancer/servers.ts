/** A replica as a balancer reaches it. Its certificate is good for its name. */
export interface BalancedServer {
  name: string;
  host: string;
  port: number;
}

/** The part of haproxy.cfg that is ours: everything else is the operator's. */
const BLOCK = /^( *)# servers: ([a-z-]+) (\d+)\n[\s\S]*?^ *# end of servers$/gm;

/** Lines of a backend. The address may be any; whoever answers there has to be the replica of that name. */
export function serverLines(servers: readonly BalancedServer[], indent = '  '): string {
  return servers.map(({ name, host, port }) => `${indent}server ${name} ${host}:${port} verifyhost ${name}`).join('\n');
}

/**
 * The same configuration with other servers between `# servers: SERVICE PORT` and `# end of servers`.
 * @param serversOf the service at hand, which listens at the port unless somebody knows better.
 */
export function replaceServers(
  configuration: string,
  serversOf: (service: string, port: number) => readonly BalancedServer[],
): { configuration: string; services: string[] } {
  const services: string[] = [];
  const replaced = configuration.replaceAll(BLOCK, (_block, indent: string, service: string, port: string) => {
    services.push(service);
    const lines = serverLines(serversOf(service, Number(port)), indent);
    return `${indent}# servers: ${service} ${port}\n${lines}\n${indent}# end of servers`;
  });
  return { configuration: replaced, services };
}
