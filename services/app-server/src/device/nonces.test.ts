import { JetStreamApiError, type JetStreamClient, type JetStreamManager } from '@nats-io/jetstream';
import { expect, test } from 'vitest';
import { jetStreamNonces } from './nonces.ts';

test('whose a nonce is that nobody can read does not become our own mistake', async () => {
  const taken = new JetStreamApiError({ code: 400, err_code: 10_071, description: 'wrong last sequence' });
  const client = { publish: () => Promise.reject(taken) } as unknown as JetStreamClient;
  const streams = { getMessage: () => Promise.reject(new Error('timeout')) };
  const nonces = jetStreamNonces(client, { streams } as unknown as JetStreamManager);
  await expect(nonces.claim('key', 'nonce', 'attempt')).rejects.toMatchObject({ code: 'UNAVAILABLE' });
});
