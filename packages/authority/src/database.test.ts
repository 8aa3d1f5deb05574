import { expect, test } from 'vitest';
import { databaseStatements, databaseUrls, scramVerifier } from './database.ts';

test('RFC 7677 section 3: the verifier of its example', () => {
  expect(scramVerifier('pencil', Buffer.from('W22ZaJ0SNY7soEsUEjb6gQ==', 'base64'))).toBe(
    'SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=',
  );
});

test('no password stands in what the superuser runs, and nobody logs in as the group', () => {
  const salt = Buffer.alloc(16, 1);
  const statements = databaseStatements('app-server-1', {
    owner: { password: 'of-the-owner', salt },
    firstAppServer: { password: 'of-the-first', salt },
    monitor: { password: 'of-the-monitor', salt },
  });
  expect(statements.join('\n')).not.toMatch(/of-the-/);
  expect(statements).toContain('create role countersign_service nologin');
  expect(statements.filter((line) => / login /.test(line)).map((line) => line.split(' ')[2])).toEqual([
    'countersign_owner',
    'countersign_monitor',
    'countersign_r_app_server_1',
  ]);
});

test('every node is named, and its certificate checked', () => {
  const nodes = [1, 2].map((number) => ({ host: `db-${number}`, port: 5432 }));
  const urls = databaseUrls(nodes, { login: 'countersign_owner', password: 'x', authority: '/etc/ca.pem' });
  expect(urls.split(',')).toEqual(
    [1, 2].map(
      (number) =>
        `postgres://countersign_owner:x@db-${number}:5432/countersign?sslmode=verify-full&sslrootcert=%2Fetc%2Fca.pem`,
    ),
  );
});
