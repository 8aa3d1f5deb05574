import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { readJson, writePrivateJson } from './private-file.ts';
import type { DevUser } from './dev-file.ts';

/** The replicas of sdk-gateway. Each has a NATS user of its own, so that none hears the answers to another. */
export const GATEWAYS = ['sdk-gateway-1', 'sdk-gateway-2'] as const;
export type GatewayName = (typeof GATEWAYS)[number];
const NATS_USERS = ['app-server', ...GATEWAYS, 'admin', 'root'] as const;
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
  // A user that came with a newer version gets its password now.
  const fresh = newSecrets();
  const content = found ?? fresh;
  content.natsPasswords = { ...fresh.natsPasswords, ...content.natsPasswords };
  const save = () => writePrivateJson(path, content);
  save();
  return { content, save };
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
    users: [],
  };
}
