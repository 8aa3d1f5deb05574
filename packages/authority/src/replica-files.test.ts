import { expect, test } from 'vitest';
import { createUserKey } from './accounts.ts';
import { replicaFiles } from './replica-files.ts';

const admission = {
  service: 'user-portal' as const,
  name: 'user-portal-1',
  certificate: 'certificate',
  authority: 'authority',
  expiresAt: '2027-01-01T00:00:00Z',
  natsJwt: 'jwt',
  settings: { COUNTERSIGN_NATS_URLS: 'nats://nats-1:4222' },
  secretSettings: {},
};
const own = { folder: '/etc/countersign/x', keyPem: 'key', natsSeed: createUserKey().seed };

test.each(['app-server', 'sdk-gateway', 'user-portal', 'mobile-app-web-service', 'radius-server'] as const)(
  '%s finds what it serves and asks with',
  (service) => {
    const files = replicaFiles({ ...admission, service }, { service, name: 'a-1', hosts: [], joinUrls: [] }, own);
    expect(files[`${service}.env`]?.trim().split('\n')).toEqual([
      'COUNTERSIGN_NATS_CA_FILE=/etc/countersign/x/ca.pem',
      'COUNTERSIGN_NATS_CREDENTIALS_FILE=/etc/countersign/x/nats.creds',
      'COUNTERSIGN_NATS_URLS=nats://nats-1:4222',
      'COUNTERSIGN_REPLICA=a-1',
      'COUNTERSIGN_TLS_CERT_FILE=/etc/countersign/x/tls.pem',
      'COUNTERSIGN_TLS_KEY_FILE=/etc/countersign/x/tls.key',
    ]);
    expect(files['nats.creds']).toContain(own.natsSeed);
  },
);

test('what is not ours is given a certificate and no settings', () => {
  const files = replicaFiles(
    { ...admission, service: 'etcd' },
    { service: 'etcd', name: 'etcd-1', hosts: [], joinUrls: [] },
    own,
  );
  expect(Object.keys(files).toSorted()).toEqual(['ca.pem', 'replica.json', 'tls.key', 'tls.pem']);
});
