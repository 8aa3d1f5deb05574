import { X509Certificate } from 'node:crypto';
import { createAuthority, issueCertificate } from '@countersign/testkit';
import { expect, test } from 'vitest';
import { clientTable } from './client-table.ts';
import { someClient } from './client.fixture.ts';

const table = clientTable([
  someClient({ clientId: 'wide', networks: ['10.0.0.0/8', '2001:db8::/32'] }),
  someClient({ clientId: 'narrow', networks: ['10.1.0.0/16', '2001:db8:1::/48'] }),
  someClient({ clientId: 'one', networks: ['10.1.2.3', '2001:db8:1::5'] }),
  someClient({ clientId: 'everybody4', networks: ['0.0.0.0/0'] }),
]);

test.each([
  ['10.1.2.3', 'one'],
  ['::ffff:10.1.2.3', 'one'],
  ['10.1.2.4', 'narrow'],
  ['10.2.0.1', 'wide'],
  ['192.0.2.1', 'everybody4'],
  ['2001:db8:1::5', 'one'],
  ['2001:0DB8:0001:0:0:0:0:5', 'one'],
  ['2001:db8:1::5%eth0', 'one'],
  ['2001:db8:1::6', 'narrow'],
  ['2001:db8:2::', 'wide'],
  ['2001:db9::1', undefined],
  ['::1', undefined],
  ['nobody', undefined],
])('%s is %s: the narrower network counts (RAD-03)', (address, clientId) => {
  expect(table.byAddress(address)?.clientId).toBe(clientId);
  // From memory as well.
  expect(table.byAddress(address)?.clientId).toBe(clientId);
});

test('RAD-03: a network means here what it meant to app-server, and one that it would not take holds up nobody', () => {
  const wrong = ['10.9.9.9/8', '::ffff:10.0.0.0/104', '10.0.0.0/33', '10.0.0.0/8/8', 'example.com'];
  const clients = [
    someClient({ clientId: 'wrong', networks: wrong }),
    someClient({ clientId: 'right', networks: ['10.7.0.0/16'] }),
  ];
  const found = ['10.9.9.9', '10.0.0.1', '10.7.0.1'].map(
    (address) => clientTable(clients).byAddress(address)?.clientId,
  );
  expect(found).toEqual([undefined, undefined, 'right']);
});

test('a certificate is known by its fingerprint first, then by a DNS name that is vouched for, never by a common name (RAD-71)', async () => {
  const authority = await createAuthority({ commonName: 'test', now: Date.now() });
  const { certificatePem } = await issueCertificate(authority, {
    commonName: 'common.example.com',
    names: ['vpn.example.com', '*.wild.example.com'],
    usage: 'client',
    now: Date.now(),
  });
  const certificate = new X509Certificate(certificatePem);
  const fingerprint = certificate.fingerprint256.replaceAll(':', '').toLowerCase();
  const identity = { certificate, fingerprint, isVouchedFor: true };
  const named = someClient({ clientId: 'named', networks: [], certificates: [{ name: 'VPN.example.com' }] });
  const pinned = someClient({ clientId: 'pinned', networks: [], certificates: [{ fingerprint }] });
  const find = (clients: (typeof named)[], vouched = true) =>
    clientTable(clients).byCertificate({ ...identity, isVouchedFor: vouched })?.clientId;

  expect(find([named])).toBe('named');
  expect(find([named], false)).toBeUndefined();
  expect(find([named, pinned])).toBe('pinned');
  expect(find([pinned], false)).toBe('pinned');
  expect(find([{ ...named, certificates: [{ name: 'common.example.com' }] }])).toBeUndefined();
  expect(find([{ ...named, certificates: [{ name: 'a.wild.example.com' }] }])).toBeUndefined();
  expect(find([{ ...named, certificates: [{ name: 'example.com' }] }])).toBeUndefined();
});
