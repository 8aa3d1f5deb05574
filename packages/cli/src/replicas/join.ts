import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import {
  createUserKey,
  DESCRIPTION_FILE,
  hasRole,
  replicaFiles,
  requestCertificate,
  type JoinToken,
  type ServiceName,
} from '@countersign/authority';
import { command } from '../command.ts';
import { CommandError, UsageError } from '../failure.ts';
import { writePrivateFiles } from '../private-files.ts';
import { askToJoin, firstOf, pinnedAuthority } from './inside.ts';
import { askForToken } from './token.ts';

const FOLDER = '/etc/countersign';

export const joinCommand = command({
  name: 'join',
  summary: 'Make this machine a replica, with the token of `replicas invite`.',
  details:
    'The keys are made here and never leave; the token works once. It is read from standard input, or asked for. ' +
    'See docs/operations/joining.md.',
  arguments: {
    token: {
      optional: true,
      description: 'The token, csj_…; better left out, since everybody on the machine can read arguments.',
    },
  },
  options: {
    'token-file': { kind: 'text', value: 'file', description: 'File that holds the token.' },
    out: {
      kind: 'text',
      value: 'folder',
      description: `Folder for certificate, keys and settings; ${FOLDER}/<service> unless given.`,
    },
  },
  examples: ['countersign join', 'countersign join --out /etc/countersign/gateway --token-file token'],
  async run(session, input) {
    const token = await askForToken(session, { token: input.token, file: input['token-file'] });
    const folder = resolve(input.out ?? join(FOLDER, token.service));
    const { name, service, expiresAt, given } = await joinInstallation(token, folder);
    const start = STARTS[service] ?? `systemctl enable --now countersign-${service}.service`;
    const add = (NEEDED[service] ?? []).filter((setting) => !given.includes(setting));
    const first = add.length === 0 ? '' : `Add to ${service}.env: ${add.join(', ')}\n`;
    return {
      json: { name, service, folder, expiresAt, add, start },
      text: `This machine is ${name} until ${expiresAt}; a timer renews it before: countersign-renew@${service}.timer\nIts files: ${folder}\n${first}Start it: ${start}\n`,
    };
  },
});

/** Of those that are not started by a unit of ours. */
const STARTS: Partial<Record<ServiceName, string>> = {
  admin: 'countersign doctor (with the settings of admin.env and COUNTERSIGN_ADMIN_KEY_FILE)',
  'nats-server': 'systemctl enable --now nats-server.service',
  etcd: 'systemctl enable --now etcd.service',
  postgres: 'systemctl enable --now patroni.service',
  balancer: 'systemctl enable --now haproxy.service countersign-balancer.timer countersign-balancer-reload.path',
};

/** Settings without which it does not start, and which app-server may not know: the key of an application is shown once, to an administrator. */
const NEEDED: Partial<Record<ServiceName, readonly string[]>> = {
  'user-portal': ['COUNTERSIGN_PORTAL_URL', 'COUNTERSIGN_API_KEY_FILE'],
  'mobile-app-web-service': ['COUNTERSIGN_DEVICE_URL', 'COUNTERSIGN_API_KEY_FILE'],
  'radius-server': ['COUNTERSIGN_API_KEY_FILE'],
};

/**
 * Makes the keys, spends the token, and writes what the replica is given into the folder.
 * @returns with the names of the settings that it was given.
 * @throws UsageError when the folder holds another replica; MfaError as app-server answered; CommandError when none can be reached.
 */
export async function joinInstallation(
  token: JoinToken,
  folder: string,
): Promise<{ name: string; service: ServiceName; expiresAt: string; given: string[] }> {
  refuseSecond(folder);
  const { service, name, hosts } = token;
  const { requestPem, keyPem } = await requestCertificate({ commonName: name, names: hosts });
  const user = hasRole(service) ? createUserKey() : undefined;
  // Before the token is spent: what cannot be written would be lost.
  writePrivateFiles(folder, { 'tls.key': keyPem });
  const admitted = await firstOf(token.urls, async (url) => {
    const authority = await pinnedAuthority(url, token.authority);
    return askToJoin({
      url,
      path: '/join',
      authority,
      body: {
        id: token.id,
        secret: token.secret,
        service,
        name,
        certificateRequest: requestPem,
        ...(user !== undefined && { natsKey: user.publicKey }),
      },
    });
  });
  if (admitted.service !== service || admitted.name !== name) {
    throw new CommandError('ADMITTED_AS_OTHER', 'internal', 'app-server admitted somebody else.', 'Report it.');
  }
  const description = { service, name, hosts, joinUrls: token.urls };
  const files = replicaFiles(admitted, description, { folder, keyPem, natsSeed: user?.seed });
  writePrivateFiles(folder, files);
  return { name, service, expiresAt: admitted.expiresAt, given: Object.keys(admitted.settings) };
}

/** A machine that belongs already would lose its keys. */
function refuseSecond(folder: string): void {
  const path = join(folder, DESCRIPTION_FILE);
  if (!existsSync(path)) return;
  const { name } = JSON.parse(readFileSync(path, 'utf8')) as { name?: string };
  throw new UsageError(
    `${folder} holds the keys of ${name ?? 'a replica'}. Choose another --out, or remove it if that replica was revoked.`,
    'join',
  );
}
