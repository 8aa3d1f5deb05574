import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import fastifyStatic from '@fastify/static';
import { MfaError } from '@countersign/contracts';
import type { FastifyInstance } from 'fastify';
import { contentSecurityPolicy, newNonce } from '../headers.ts';

/** Stands in index.html where the nonce of the answer belongs. */
const NONCE_PLACE = '__NONCE__';
const YEAR_SECONDS = 31_536_000;

/**
 * The one page, with its scripts and styles. Their names change with what is in them, so that they are kept for ever; the page itself is
 * never kept. Every address of a page is the same page: what it shows follows from where the person stands.
 * @param folder what `vite build` made.
 */
export function serveShell(app: FastifyInstance, folder: string, addresses: readonly string[]): void {
  const index = readFileSync(join(folder, 'index.html'), 'utf8');
  void app.register(fastifyStatic, {
    root: join(folder, 'assets'),
    prefix: '/assets/',
    preCompressed: true,
    immutable: true,
    maxAge: YEAR_SECONDS * 1000,
    index: false,
    setHeaders: (reply) => void reply.header('cache-control', `public, max-age=${YEAR_SECONDS}, immutable`),
  });
  // What leads out of the folder, or to nothing in it, is nothing at all.
  app.addHook('onRequest', (request, _reply, done) => {
    const isAsset = request.routeOptions.url?.startsWith('/assets/') === true;
    done(isAsset && (request.raw.url ?? '').includes('..') ? new MfaError('ROUTE_NOT_FOUND') : undefined);
  });
  for (const address of addresses) {
    app.get(address, async (_request, reply) => {
      const nonce = newNonce();
      return reply
        .header('content-security-policy', contentSecurityPolicy({ nonce }))
        .type('text/html; charset=utf-8')
        .send(index.replaceAll(NONCE_PLACE, nonce));
    });
  }
}
