/**
 * The bare path, first half: a Fastify route over the same TLS that makes one NATS request. No product logic: what it reaches
 * on a machine is the ceiling for anything built this way.
 */
import { readFileSync } from 'node:fs';
import { connect } from '@nats-io/transport-node';
import { fastify } from 'fastify';

const { NATS_URL, NATS_USER, NATS_PASSWORD, TLS_CERT_FILE, TLS_KEY_FILE, PORT, PAGE } = process.env;
const nats = await connect({
  servers: NATS_URL ?? '',
  ...(NATS_USER !== undefined && { user: NATS_USER, pass: NATS_PASSWORD ?? '' }),
  inboxPrefix: `_INBOX.${NATS_USER ?? 'bare'}`,
});
const app = fastify({
  https: { cert: readFileSync(TLS_CERT_FILE ?? ''), key: readFileSync(TLS_KEY_FILE ?? '') },
});
app.post<{ Params: { user: string } }>('/bare/:user', async (request) => {
  const answer = await nats.request(
    'mfa.v1.bare.verify',
    JSON.stringify({ user: request.params.user, ...(request.body as object) }),
    {
      timeout: 5000,
    },
  );
  return answer.json();
});
app.get<{ Params: { user: string } }>('/bare/:user', async (request) => {
  const answer = await nats.request('mfa.v1.bare.read', JSON.stringify({ user: request.params.user }), {
    timeout: 5000,
  });
  return answer.json();
});
/** The bytes of a page, from memory. */
app.get('/page', (_request, reply) => reply.type('text/html; charset=utf-8').send(PAGE ?? ''));
await app.listen({ port: Number(PORT), host: '127.0.0.1' });
process.once('SIGTERM', () => process.exit(0));
