import pg from 'pg';
import { expect, test } from 'vitest';
import {
  ConnectFailed,
  ConnectionLost,
  failureOf,
  PoolBusy,
  QueryTimeout,
  violatedConstraint,
  type Failure,
} from './failure.ts';

function fromPostgres(code: string, constraint?: string): Error {
  const error = new pg.DatabaseError('whatever it says', 1, 'error');
  return Object.assign(error, { code, severity: 'ERROR', constraint });
}

const cases: [string, unknown, Failure][] = [
  ['no answer in time', new QueryTimeout(), 'lost'],
  ['no connection', new ConnectFailed(), 'lost'],
  ['a connection that broke', new ConnectionLost(), 'lost'],
  ['a socket error', Object.assign(new Error(), { syscall: 'read', errno: -104, code: 'ECONNRESET' }), 'lost'],
  ['shutting down', fromPostgres('57P01'), 'lost'],
  ['crashed', fromPostgres('57P02'), 'lost'],
  ['starting up', fromPostgres('57P03'), 'lost'],
  ['connection exception', fromPostgres('08006'), 'lost'],
  ['read-only', fromPostgres('25006'), 'readOnly'],
  ['a full queue', new PoolBusy(), 'busy'],
  ['too many connections', fromPostgres('53300'), 'busy'],
  ['disk full', fromPostgres('53100'), 'busy'],
  ['cancelled by recovery', fromPostgres('40001'), 'busy'],
  ['deadlock', fromPostgres('40P01'), 'busy'],
  ['a lock not had in time', fromPostgres('55P03'), 'busy'],
  ['cancelled by time', fromPostgres('57014'), 'busy'],
  ['a constraint', fromPostgres('23505'), 'statement'],
  ['a wrong statement', fromPostgres('42601'), 'statement'],
  ['our own error', new Error('08006'), 'statement'],
  ['something thrown that is no error', 'oops', 'statement'],
];
test.each(cases)('%s', (_, error, failure) => {
  expect(failureOf(error)).toBe(failure);
});

test('which constraint refused a row', () => {
  expect(violatedConstraint(fromPostgres('23505', 'user_alias_pkey'))).toBe('user_alias_pkey');
  expect(violatedConstraint(fromPostgres('42601', 'user_alias_pkey'))).toBeUndefined();
  expect(violatedConstraint(new Error())).toBeUndefined();
});
