import type { FastifyInstance } from 'fastify';

/** At `/v1/openapi.json`, to everybody. */
export function serveDescription(app: FastifyInstance, document: object): void {
  // As bytes: Fastify adds a charset to texts, which JSON types do not have.
  const bytes = Buffer.from(JSON.stringify(document));
  app.get('/v1/openapi.json', (_request, reply) =>
    reply.header('cache-control', 'public, max-age=300').type('application/json').send(bytes),
  );
}
