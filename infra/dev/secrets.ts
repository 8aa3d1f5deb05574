import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { readJson, writePrivateJson } from './private-file.ts';
import type { DevUser } from './dev-file.ts';

/** What the stack must find again at its next start. Without it the data cannot be opened. */
export interface Secrets {
  /** Names this installation; seeding repeats the same attempts, so that one that was killed is taken up again. */
  installation: string;
  postgresPassword: string;
  servicePassword: string;
  keyRing: string;
  inboxToken: string;
  natsPasswords: Record<'app-server' | 'sdk-gateway' | 'admin' | 'root', string>;
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
  const content = found ?? newSecrets();
  const save = () => writePrivateJson(path, content);
  if (found === undefined) save();
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
    natsPasswords: { 'app-server': secret(), 'sdk-gateway': secret(), admin: secret(), root: secret() },
    users: [],
  };
}
