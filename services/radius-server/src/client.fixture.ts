import type { RadiusClient } from '@countersign/contracts';

export const SECRET = 'xyzzy5461-xyzzy5461';

/** A client as app-server tells of it, for tests. */
export function someClient(changed: Partial<RadiusClient> = {}): RadiusClient {
  return {
    clientId: '1b4e28ba-2fa1-4d9a-8f1c-0c2d7f3a9e11',
    name: 'VPN',
    networks: ['127.0.0.1', '::1'],
    certificates: [],
    secret: SECRET,
    requireMessageAuthenticator: 'yes',
    limitProxyState: true,
    timeoutSeconds: 5,
    tries: 3,
    forwards: false,
    ...changed,
  };
}
