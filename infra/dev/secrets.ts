import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { readJson, writePrivateJson } from './private-file.ts';
import type { DevFile, DevUser } from './dev-file.ts';
import { PEOPLE } from './people.ts';

/** The replicas of sdk-gateway. Each has a NATS user of its own, so that none hears the answers to another. */
export const GATEWAYS = ['sdk-gateway-1', 'sdk-gateway-2'] as const;
export type GatewayName = (typeof GATEWAYS)[number];
/** The replicas of user-portal, likewise. */
export const PORTALS = ['user-portal-1', 'user-portal-2'] as const;
export type PortalName = (typeof PORTALS)[number];
/** The replicas of mobile-app-web-service, likewise. */
export const MOBILE_SERVICES = ['mobile-app-web-service-1', 'mobile-app-web-service-2'] as const;
export type MobileServiceName = (typeof MOBILE_SERVICES)[number];
/** The replicas of radius-server, likewise. */
export const RADIUS_SERVERS = ['radius-server-1', 'radius-server-2'] as const;
export type RadiusServerName = (typeof RADIUS_SERVERS)[number];
const EDGES = [...GATEWAYS, ...PORTALS, ...MOBILE_SERVICES, ...RADIUS_SERVERS] as const;
const NATS_USERS = ['app-server', ...EDGES, 'admin', 'root'] as const;
export type NatsUserName = (typeof NATS_USERS)[number];

/** What the stack must find again at its next start. Without it the data cannot be opened. */
export interface Secrets {
  /** Names this installation; seeding repeats the same attempts, so that one that was killed is taken up again. */
  installation: string;
  postgresPassword: string;
  servicePassword: string;
  keyRing: string;
  inboxToken: string;
  natsPasswords: Record<NatsUserName, string>;
  adminKey?: string;
  application?: { applicationId: string; name: string; apiKey: string };
  /** The application that the portals are. */
  portal?: { applicationId: string; apiKey: string };
  /** The application that the mobile services are. */
  mobile?: { applicationId: string; apiKey: string };
  /** The application that the radius-servers are. */
  radius?: { applicationId: string; apiKey: string };
  /** The demo VPN gateway, which asks by RADIUS: whose policy counts for it, and its secret. */
  vpn?: { applicationId: string; name: string };
  vpnSecret: string;
  /** By username: what the directory holds of its people. */
  passwords: Record<string, string>;
  /** Of whom app-server is in the directory. */
  directoryPassword: string;
  users: DevUser[];
}

export interface SecretsFile {
  readonly content: Secrets;
  save(): void;
}

/** @throws Error when the data of an earlier start is there and the secrets are not. */
export function openSecrets(dir: string): SecretsFile {
  const path = join(dir, 'secrets.json');
  const found = readJson(path) as Secrets | undefined;
  if (found === undefined && existsSync(join(dir, 'postgres'))) {
    throw new Error(
      `${path} is gone, and the data beside it cannot be opened without. Begin anew: npm start -- --fresh`,
    );
  }
  // What came with a newer version gets its password now.
  const fresh = newSecrets();
  const content = found ?? fresh;
  content.natsPasswords = { ...fresh.natsPasswords, ...content.natsPasswords };
  content.directoryPassword ??= fresh.directoryPassword;
  content.vpnSecret ??= fresh.vpnSecret;
  content.passwords ??= Object.fromEntries(content.users.map(({ username, password }) => [username, password]));
  for (const { username } of PEOPLE) content.passwords[username] ??= randomBytes(9).toString('base64url');
  const save = () => writePrivateJson(path, content);
  save();
  return { content, save };
}

/** Of whom the directory alone knows. */
export function newcomers({ passwords }: Secrets): DevFile['newcomers'] {
  return PEOPLE.filter(({ phone }) => phone === undefined).map(({ username }) => ({
    username,
    password: passwords[username] ?? '',
  }));
}

function newSecrets(): Secrets {
  const secret = () => randomBytes(24).toString('hex');
  return {
    installation: randomBytes(8).toString('hex'),
    postgresPassword: secret(),
    servicePassword: secret(),
    keyRing: `k1:${randomBytes(32).toString('base64')}`,
    inboxToken: secret(),
    natsPasswords: Object.fromEntries(NATS_USERS.map((user) => [user, secret()])) as Record<NatsUserName, string>,
    passwords: {},
    directoryPassword: secret(),
    // Typed by people who try radclient.
    vpnSecret: randomBytes(12).toString('hex'),
    users: [],
  };
}
