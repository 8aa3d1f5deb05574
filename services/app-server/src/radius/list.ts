import type { InputOf, OutputOf, RadiusClient, radiusClients } from '@countersign/contracts';
import type { EffectiveClient, RadiusClients } from './clients.ts';

/**
 * Every client with its secret, from memory, so that radius-servers go on while Postgres is away. Whoever names the version that is
 * in force is told that alone.
 */
export function list(
  { radiusClients: clients }: { radiusClients: Pick<RadiusClients, 'all' | 'version'> },
  { version: known }: InputOf<typeof radiusClients>,
): Promise<OutputOf<typeof radiusClients>> {
  const version = clients.version();
  return Promise.resolve(known === version ? { version } : { version, clients: clients.all().map(forServer) });
}

function forServer({ settings, secret, ...client }: EffectiveClient): RadiusClient {
  const { networks, certificates = [], limitProxyState, legacyCharset, firstFactor } = settings;
  return {
    clientId: client.clientId,
    name: client.name,
    networks,
    certificates,
    secret: secret.toString('latin1'),
    requireMessageAuthenticator: client.requireMessageAuthenticator,
    limitProxyState,
    timeoutSeconds: client.timeoutSeconds,
    tries: client.tries,
    ...(legacyCharset !== undefined && { legacyCharset }),
    forwards: firstFactor.by === 'upstream',
  };
}
