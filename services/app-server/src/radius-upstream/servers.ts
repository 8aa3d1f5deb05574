import { isIP } from 'node:net';
import { MfaError, type RadiusUpstreamSettings } from '@countersign/contracts';

const NAME = /^([A-Za-z0-9_]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)*[A-Za-z0-9_]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.?$/;

/** @throws MfaError REQUEST_INVALID when a server is no name and no address, or there twice. */
export function checkServers({ servers }: RadiusUpstreamSettings): void {
  const seen = new Set<string>();
  const invalid = servers.flatMap(({ host, port }, index) => {
    const pointer = `/settings/servers/${index}`;
    const server = `${host.toLowerCase()} ${port}`;
    if (seen.has(server)) return [{ pointer, message: 'is there twice' }];
    seen.add(server);
    if (isIP(host) > 0 || (NAME.test(host) && !/^[\d.]+$/.test(host))) return [];
    return [{ pointer: `${pointer}/host`, message: 'is no DNS name and no address' }];
  });
  if (invalid.length > 0) throw new MfaError('REQUEST_INVALID', { invalid });
}
