import type { StreamInfo } from '@nats-io/jetstream';
import { expect, test } from 'vitest';
import { streamOf } from './status.ts';

type Listed = Parameters<typeof streamOf>[0];

function listed(copies: number, cluster?: StreamInfo['cluster']): Listed {
  const config = { name: 'AUTH', num_replicas: copies } as Listed['config'];
  return { config, state: { messages: 7 } as Listed['state'], ...(cluster !== undefined && { cluster }) };
}

test('one server that is in no cluster leads what it has', () => {
  expect(streamOf(listed(1), 'nats')).toEqual({
    name: 'AUTH',
    messages: 7,
    wantedCopies: 1,
    copies: [{ server: 'nats', leads: true, current: true }],
  });
});

test('in a cluster nobody leads of whom it does not say so', () => {
  const replicas = [{ name: 'nats-2', current: true, active: 0 }];
  expect(streamOf(listed(2, { leader: '', replicas } as never), 'nats-1').copies).toEqual([
    { server: 'nats-2', leads: false, current: true },
  ]);
});
