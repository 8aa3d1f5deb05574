import { randomBytes } from 'node:crypto';
import { expect, test } from 'vitest';
import { databaseLogin, scramVerifier, urlsFor } from './login.ts';

test('RFC 7677 section 3: the verifier of its example', () => {
  expect(scramVerifier('pencil', Buffer.from('W22ZaJ0SNY7soEsUEjb6gQ==', 'base64'))).toBe(
    'SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=',
  );
});

test('a replica gets the same nodes with a login of its own', () => {
  const login = databaseLogin('app-server-2', randomBytes);
  expect(login.login).toBe('countersign_r_app_server_2');
  expect(login.verifier).not.toContain(login.password);
  expect(urlsFor(['postgres://countersign_service:old@db-1:5432/countersign?sslmode=verify-full'], login)).toEqual([
    `postgres://countersign_r_app_server_2:${login.password}@db-1:5432/countersign?sslmode=verify-full`,
  ]);
});
