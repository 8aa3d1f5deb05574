import { readFileSync, statSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { accessOf, type NatsAccess } from '@countersign/bus';
import { fromFile, readEnvironment, secret, settings, type SettingsOf } from '@countersign/config';
import { Type } from 'typebox';
import { CommandError } from './failure.ts';

const PEM = '^\\s*-----BEGIN ';

/** Every setting of the command line. The key is never taken from an argument: those are seen by everybody on the machine. */
export const ENVIRONMENT = settings({
  COUNTERSIGN_NATS_URLS: Type.Array(Type.String(), {
    minItems: 1,
    description: 'NATS servers, for example nats://nats-1:4222,nats://nats-2:4222.',
  }),
  COUNTERSIGN_NATS_USER: Type.Optional(Type.String({ description: 'NATS user that may call the operations.' })),
  COUNTERSIGN_NATS_PASSWORD: Type.Optional(secret(Type.String({ description: 'Password of the NATS user.' }))),
  COUNTERSIGN_NATS_CREDENTIALS_FILE: Type.Optional(
    Type.String({
      description:
        'Path of the NATS credentials file that joining wrote, in place of user and password. Read again at each new connection.',
    }),
  ),
  COUNTERSIGN_NATS_CA: Type.Optional(
    fromFile(
      Type.String({
        pattern: PEM,
        description: 'Authorities of the NATS servers as PEM. With it the connection is encrypted, or there is none.',
      }),
    ),
  ),
  COUNTERSIGN_ADMIN_KEY: secret(Type.String({ description: 'API key of an application with the scope admin.' })),
  COUNTERSIGN_PATRONI_URLS: Type.Array(Type.String({ pattern: '^https://[^/?#@]+$' }), {
    default: [],
    description:
      'Patroni of every Postgres node, for cluster switchover: https://postgres-1:8008,https://postgres-2:8008.',
  }),
  COUNTERSIGN_PATRONI_CA: Type.Optional(
    fromFile(Type.String({ pattern: PEM, description: 'Authorities of the certificates of Patroni as PEM.' })),
  ),
  COUNTERSIGN_PATRONI_CERT: Type.Optional(
    fromFile(Type.String({ pattern: PEM, description: 'Certificate of this machine as PEM, which Patroni asks for.' })),
  ),
  COUNTERSIGN_PATRONI_KEY: Type.Optional(
    secret(Type.String({ pattern: PEM, description: 'Private key of that certificate as PEM.' })),
  ),
  COUNTERSIGN_PATRONI_USER: Type.String({ default: 'countersign', description: 'User of the API of Patroni.' }),
  COUNTERSIGN_PATRONI_PASSWORD: Type.Optional(secret(Type.String({ description: 'Password of that user.' }))),
});

/** How Patroni is reached, and what it wants of whoever changes anything. */
export interface PatroniSettings {
  urls: readonly string[];
  /** PEM. */
  authorities?: string;
  certificate?: string;
  key?: string;
  user: string;
  password?: string;
}

export interface CliSettings extends Omit<NatsAccess, 'name'> {
  adminKey: string;
  /** Undefined where no address of it is set. */
  patroni?: PatroniSettings;
  /** Where they come from, for people. */
  source: string;
}

type Environment = Readonly<Record<string, string | undefined>>;
/** As in infra/nats/admin.conf. */
const ADMIN_USER = 'admin';
const DEVELOPMENT_FILE = join('.countersign', 'dev.json');

/**
 * From the environment; when it has none of them, from the development stack that was started in this folder or above it.
 * @param userId of the person on this machine, undefined where there is no such thing.
 * @throws SettingsError, or CommandError when nothing is set and no development stack is found.
 */
export function readSettings(environment: Environment, folder: string, userId: number | undefined): CliSettings {
  const isSet = Object.keys(ENVIRONMENT.properties).some(
    (name) => (environment[name] ?? '') !== '' || (environment[`${name}_FILE`] ?? '') !== '',
  );
  if (isSet) return fromEnvironment(environment);
  const file = findUpwards(resolve(folder));
  if (file === undefined) {
    throw new CommandError(
      'SETTINGS_MISSING',
      'settings',
      'Nothing says where Countersign is: COUNTERSIGN_NATS_URLS and COUNTERSIGN_ADMIN_KEY are not set.',
      'Set them, or run this where the development stack (npm start) was started.',
    );
  }
  return fromDevelopmentStack(file, userId);
}

function fromEnvironment(environment: Environment): CliSettings {
  const read = readEnvironment(ENVIRONMENT, environment);
  return {
    ...accessOf(read),
    adminKey: read.COUNTERSIGN_ADMIN_KEY,
    ...(read.COUNTERSIGN_PATRONI_URLS.length > 0 && { patroni: patroniOf(read) }),
    source: 'the environment',
  };
}

function patroniOf(read: SettingsOf<typeof ENVIRONMENT>): PatroniSettings {
  const {
    COUNTERSIGN_PATRONI_CA: authorities,
    COUNTERSIGN_PATRONI_CERT: certificate,
    COUNTERSIGN_PATRONI_KEY: key,
    COUNTERSIGN_PATRONI_PASSWORD: password,
  } = read;
  return {
    urls: read.COUNTERSIGN_PATRONI_URLS,
    user: read.COUNTERSIGN_PATRONI_USER,
    ...(authorities !== undefined && { authorities }),
    ...(certificate !== undefined && { certificate }),
    ...(key !== undefined && { key }),
    ...(password !== undefined && { password }),
  };
}

function findUpwards(folder: string): string | undefined {
  const file = join(folder, DEVELOPMENT_FILE);
  if (statSync(file, { throwIfNoEntry: false })?.isFile() === true) return file;
  const parent = dirname(folder);
  return parent === folder ? undefined : findUpwards(parent);
}

function fromDevelopmentStack(file: string, userId: number | undefined): CliSettings {
  // In a folder that others may write to, somebody could leave such a file and be told what is typed here.
  if (userId !== undefined && ![0, userId].includes(statSync(file).uid)) {
    throw unusable(file, 'belongs to somebody else, so it is not used');
  }
  const content = parse(file);
  const [nats, adminKey] = [fieldOf(content, 'nats'), fieldOf(content, 'adminKey')];
  const login = loginIn(content);
  if (typeof nats !== 'string' || typeof adminKey !== 'string' || login === undefined) {
    throw unusable(file, `does not hold nats, natsUsers.${ADMIN_USER} and adminKey`);
  }
  // The address is that of a user who may do anything. The command line is to be content with what an administrator may.
  const authorityFile = fieldOf(content, 'natsCa');
  return {
    servers: nats.split(',').map(withoutCredentials),
    ...login,
    ...(typeof authorityFile === 'string' && { authorities: readFileSync(authorityFile, 'utf8') }),
    adminKey,
    source: file,
  };
}

/** The production topology has credentials files in place of passwords. */
function loginIn(content: unknown): Pick<CliSettings, 'user' | 'password' | 'credentialsFile'> | undefined {
  const credentialsFile = fieldOf(fieldOf(content, 'natsCredentials'), ADMIN_USER);
  if (typeof credentialsFile === 'string') return { credentialsFile };
  const password = fieldOf(fieldOf(content, 'natsUsers'), ADMIN_USER);
  return typeof password === 'string' ? { user: ADMIN_USER, password } : undefined;
}

function parse(file: string): unknown {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch {
    throw unusable(file, 'cannot be read as JSON');
  }
}

/** An address may carry `user:password@`. */
export function withoutCredentials(address: string): string {
  return address.replace(/\/\/[^@/]*@/, '//');
}

function fieldOf(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[name] : undefined;
}

function unusable(file: string, reason: string): CommandError {
  return new CommandError(
    'SETTINGS_INVALID',
    'settings',
    `${file} ${reason}.`,
    'Start the development stack again (npm start), or set COUNTERSIGN_NATS_URLS and COUNTERSIGN_ADMIN_KEY.',
  );
}
