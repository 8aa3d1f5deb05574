import { randomBytes } from 'node:crypto';
import { expect, test } from 'vitest';
import { databaseLogin, urlsFor } from './login.ts';

test('a replica gets the same nodes with a login of its own', () => {
  const login = databaseLogin('app-server-2', randomBytes);
  expect(login.login).toBe('countersign_r_app_server_2');
  expect(login.verifier).not.toContain(login.password);
  expect(urlsFor(['postgres://countersign_service:old@db-1:5432/countersign?sslmode=verify-full'], login)).toEqual([
    `postgres://countersign_r_app_server_2:${login.password}@db-1:5432/countersign?sslmode=verify-full`,
  ]);
});
