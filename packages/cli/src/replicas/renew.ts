import { X509Certificate } from 'node:crypto';
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import {
  bothOf,
  credentialsText,
  DESCRIPTION_FILE,
  publicKeyOf,
  requestCertificate,
  type ReplicaDescription,
} from '@countersign/authority';
import { command } from '../command.ts';
import { CommandError } from '../failure.ts';
import { writePrivateFiles } from '../private-files.ts';
import { askToJoin, firstOf } from './inside.ts';
import { readOwn } from './own-files.ts';

export const replicasRenew = command({
  name: 'replicas renew',
  summary: 'Renew the certificate and credentials of this machine; run by a timer.',
  details:
    'Shows the present certificate to app-server, so it has to be run before that one ends. NATS credentials are used at the next ' +
    'connection; the certificate when the service is told to reload (SIGHUP).',
  arguments: {},
  options: {
    dir: { kind: 'text', required: true, value: 'folder', description: 'Folder that join or cluster init wrote.' },
    within: {
      kind: 'seconds',
      maximum: 90 * 86_400,
      description: 'Only when less than this is left, such as 30d; in any case unless given.',
    },
  },
  examples: [
    'countersign replicas renew --dir /etc/countersign/sdk-gateway',
    'countersign replicas renew --dir /etc/countersign/sdk-gateway --within 30d',
  ],
  async run(session, { dir, within }) {
    const folder = resolve(dir);
    const read = (file: string) => readOwn(folder, file);
    const description = JSON.parse(read(DESCRIPTION_FILE)) as ReplicaDescription;
    const { name, service, hosts, joinUrls } = description;
    const present = new X509Certificate(read('tls.pem'));
    const leftSeconds = (present.validToDate.getTime() - session.now()) / 1000;
    if (within !== undefined && leftSeconds > within) {
      const until = present.validToDate.toISOString();
      return { json: { name, renewed: false, expiresAt: until }, text: `${name} is good until ${until}.\n` };
    }
    const seed = existsSync(join(folder, 'nats.creds')) ? seedIn(read('nats.creds')) : undefined;
    const { requestPem, keyPem } = await requestCertificate({ commonName: name, names: hosts });
    const renewed = await firstOf(joinUrls, (url) =>
      askToJoin({
        url,
        path: '/join/renew',
        authority: read('ca.pem'),
        certificate: read('tls.pem'),
        key: read('tls.key'),
        body: { certificateRequest: requestPem, ...(seed !== undefined && { natsKey: publicKeyOf(seed) }) },
      }),
    );
    writePrivateFiles(folder, {
      ...(renewed.natsJwt !== undefined &&
        seed !== undefined && { 'nats.creds': credentialsText(renewed.natsJwt, seed) }),
      ...(renewed.joinUrls !== undefined &&
        renewed.joinUrls.length > 0 && {
          [DESCRIPTION_FILE]: `${JSON.stringify({ ...description, joinUrls: renewed.joinUrls }, undefined, 2)}\n`,
        }),
      'tls.key': keyPem,
      'tls.pem': renewed.certificate,
      ...(service === 'balancer' && { 'tls.both.pem': bothOf(renewed.certificate, keyPem) }),
    });
    return {
      json: { name, renewed: true, expiresAt: renewed.expiresAt },
      text: `${name} is renewed until ${renewed.expiresAt}. Reload the service, so that it uses the certificate.\n`,
    };
  },
});

function seedIn(credentials: string): string {
  const [, seed] = /-----BEGIN USER NKEY SEED-----\s+(\S+)\s/.exec(credentials) ?? [];
  if (seed === undefined) {
    throw new CommandError(
      'NOT_JOINED',
      'settings',
      'nats.creds holds no key.',
      'Join this machine again with a new token.',
    );
  }
  return seed;
}
