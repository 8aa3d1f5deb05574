import { randomBytes, X509Certificate } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  createUserKey,
  credentialsText,
  DATABASE_FILE,
  foundInstallation,
  REPLICA_DAYS,
  userJwt,
  type Founded,
  type RolePassword,
} from '@countersign/authority';
import { writePrivateFiles } from '@countersign/cli';
import { THIS_MACHINE, type Machine } from '../dev/machine.ts';
import { readJson, writePrivateJson } from '../dev/private-file.ts';
import { CannotStart } from '../dev/running-stack.ts';
import { certificatesIn, type Certificates } from './certificates.ts';
import { membersOf, type HaLayout } from './ha-layout.ts';

const MAX_FILE_BYTES = 4 * 1024 ** 3;
const DAY_MS = 86_400_000;
/** Looks at streams with the permissions of app-server, for whoever tries things out. An operator needs no such user. */
const OBSERVER = 'observer';
export const FIRST_APP_SERVER = 'app-server-1';

/** What `countersign cluster init` and joining made: a folder for each member, as each has it on its own machine. */
export interface HaInstallation {
  certificates: Certificates;
  /** Paths of NATS credentials. */
  credentials: { admin: string; observer: string };
  /** The settings that a member's environment file holds. */
  environmentOf: (name: string, service: string) => Record<string, string>;
  /** Path of what the superuser of Postgres runs once. */
  databaseFile: string;
  /** Path of the owner's addresses of both Postgres nodes. */
  ownerUrlsFile: string;
  /** Once the database has it, as docs/operations/joining.md tells operators. */
  forgetAuthority: () => void;
}

export interface InstallationOptions {
  keyRing: string;
  now: number;
}

/**
 * Founds the installation at the first start, with the code of `countersign cluster init`.
 * @throws CannotStart when it was founded for other ports, or its certificates are about to end.
 */
export async function openInstallation(layout: HaLayout, options: InstallationOptions): Promise<HaInstallation> {
  const folder = join(layout.dir, 'installation');
  const placesFile = join(folder, 'places.json');
  const places = placesOf(layout);
  const foundedFor = readJson(placesFile);
  if (foundedFor === undefined) {
    if (existsSync(join(layout.dir, 'tls'))) {
      throw new CannotStart('The data is of an earlier version. Begin anew: npm start -- --ha --fresh');
    }
    const founded = await found(layout, folder, options);
    await writeInstallation(folder, founded, options.now);
    writePrivateJson(placesFile, places);
  } else if (JSON.stringify(foundedFor) !== JSON.stringify(places)) {
    throw new CannotStart('The data belongs to other machines or ports. Begin anew: npm start -- --ha --fresh');
  }
  const certificates = certificatesIn(folder);
  assertFresh(certificates, options.now);
  const pathOf = (member: string, file: string) => join(certificates.of(member).folder, file);
  return {
    certificates,
    credentials: { admin: pathOf('admin', 'nats.creds'), observer: pathOf(OBSERVER, 'nats.creds') },
    environmentOf: (member, service) => readEnvironmentFile(pathOf(member, `${service}.env`)),
    databaseFile: pathOf(layout.postgres[0]?.name ?? '', DATABASE_FILE),
    ownerUrlsFile: pathOf(FIRST_APP_SERVER, 'postgres-owner-urls'),
    forgetAuthority: () => {
      const kept = readFileSync(pathOf(FIRST_APP_SERVER, 'app-server.env'), 'utf8');
      writePrivateFiles(certificates.of(FIRST_APP_SERVER).folder, {
        'app-server.env': kept.replace(/^COUNTERSIGN_AUTHORITY_FILE=.*\n/m, ''),
      });
      rmSync(pathOf(FIRST_APP_SERVER, 'authority.json'), { force: true });
    },
  };
}

function found(layout: HaLayout, folder: string, { keyRing, now }: InstallationOptions): Promise<Founded> {
  const secret = (): RolePassword => ({ password: randomBytes(24).toString('hex'), salt: randomBytes(16) });
  const monitors = new Map(
    layout.nats.map(({ name, machine, monitor }) => [name, { host: machine.host, port: monitor }]),
  );
  const hosts = new Map(membersOf(layout).map(({ name, machine }) => [name, machine.host]));
  const [first] = layout.appServers;
  if (first === undefined) throw new Error('the topology has no app-server');
  return foundInstallation({
    name: 'Countersign',
    members: layout.nats.map(({ name, machine, client, route }) => ({
      name,
      host: machine.host,
      names: hostsOf(machine),
      clientPort: client,
      routePort: route,
    })),
    postgres: {
      nodes: layout.postgres.map(({ name, machine, port }) => ({
        name,
        host: machine.host,
        names: hostsOf(machine),
        port,
      })),
      roles: { owner: secret(), firstAppServer: secret(), monitor: secret() },
    },
    others: [
      ...layout.etcd.map(({ name, machine }) => ({ service: 'etcd' as const, name, hosts: hostsOf(machine) })),
      ...layout.balancers.map(({ name, machine }) => ({
        service: 'balancer' as const,
        name,
        hosts: hostsOf(machine),
      })),
    ],
    appServer: { name: first.name, hosts: hostsOf(first.machine), port: first.port },
    publicUrl: publicUrlOf(layout),
    folderOf: (name) => join(folder, name),
    dataFolderOf: (name) => join(layout.dir, name),
    monitorOf: (name) => monitors.get(name) ?? { host: THIS_MACHINE.host, port: 0 },
    listenOf: (name) => hosts.get(name) ?? THIS_MACHINE.host,
    // Three servers on one disk would wait for each other's writes, and lose power together all the same.
    syncsWrites: false,
    acceptUnsynced: true,
    maxFileBytes: MAX_FILE_BYTES,
    keyRing,
    routePassword: randomBytes(32).toString('base64url'),
    now,
  });
}

async function writeInstallation(folder: string, { folders, installation }: Founded, now: number): Promise<void> {
  rmSync(folder, { recursive: true, force: true });
  // Postgres runs as somebody else, who has to come through to its own folder.
  mkdirSync(folder, { recursive: true, mode: 0o755 });
  for (const [name, files] of Object.entries(folders)) writePrivateFiles(join(folder, name), files);
  writeFileSync(join(folder, 'ca.pem'), installation.certificate, { mode: 0o644 });
  const user = createUserKey();
  const jwt = await userJwt(installation, installation.secrets, {
    name: OBSERVER,
    role: 'app-server',
    user: user.publicKey,
    expiresAt: now + REPLICA_DAYS * DAY_MS,
  });
  writePrivateFiles(join(folder, OBSERVER), { 'nats.creds': credentialsText(jwt, user.seed) });
}

/** On one machine nobody renews: no timer runs, and data of so long ago is of no use. */
function assertFresh(certificates: Certificates, now: number): void {
  const { validToDate } = new X509Certificate(readFileSync(certificates.of(FIRST_APP_SERVER).certificate));
  if (validToDate.getTime() - now > DAY_MS) return;
  throw new CannotStart('The certificates of this installation have ended. Begin anew: npm start -- --ha --fresh');
}

function readEnvironmentFile(path: string): Record<string, string> {
  const lines = readFileSync(path, 'utf8').trim().split('\n');
  return Object.fromEntries(
    lines.map((line) => {
      const at = line.indexOf('=');
      return [line.slice(0, at), line.slice(at + 1).replace(/^'(.*)'$/, '$1')];
    }),
  );
}

/** What a member's certificate is good for beside its own name. Whoever joins or balances asks at the first. */
export function hostsOf({ host }: Machine): string[] {
  return [...new Set([host, 'localhost', THIS_MACHINE.host])];
}

/** What founding wrote into the files. */
function placesOf({ nats, postgres, appServers }: HaLayout) {
  return {
    nats: nats.map(({ machine, client, route, monitor }) => [machine.host, client, route, monitor]),
    postgres: postgres.map(({ machine, port }) => [machine.host, port]),
    appServers: appServers.map(({ machine, port }) => [machine.host, port]),
  };
}

/** Where callers reach the topology. */
function publicUrlOf({ balancers: [first] }: HaLayout): string {
  return `https://${first?.machine.host}:${first?.port}`;
}
