import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import fastifyStatic from '@fastify/static';
import { SettingsError } from '@countersign/config';
import { MfaError } from '@countersign/contracts';
import type { FastifyInstance } from 'fastify';
import { contentSecurityPolicy, newNonce, type PageRights } from './policy.ts';

/** Stands in index.html where the nonce of the answer belongs. */
const NONCE_PLACE = '__NONCE__';
const YEAR_SECONDS = 31_536_000;

/** @throws SettingsError when the folder holds no pages. */
export function builtPages(folder: string): string {
  if (existsSync(join(folder, 'index.html'))) return folder;
  throw new SettingsError([
    `The pages are not in ${folder}. Build them (pnpm build), or set COUNTERSIGN_PAGES to where they are.`,
  ]);
}

export interface Shell {
  /** What `vite build` made. */
  folder: string;
  /** Of the scripts and styles, as the page names them: `/assets/`. */
  assets: string;
  /** Of the page; every one shows the same. */
  addresses: readonly string[];
  rights?: Omit<PageRights, 'nonce'>;
}

/**
 * The one page, with its scripts and styles. Their names change with what is in them, so that they are kept for ever; the page itself is
 * never kept. Every address of a page is the same page: what it shows follows from where the person stands.
 */
export function serveShell(app: FastifyInstance, { folder, assets, addresses, rights }: Shell): void {
  const index = readFileSync(join(folder, 'index.html'), 'utf8');
  void app.register(fastifyStatic, {
    root: join(folder, 'assets'),
    prefix: assets,
    preCompressed: true,
    immutable: true,
    maxAge: YEAR_SECONDS * 1000,
    index: false,
    setHeaders: (reply) => void reply.header('cache-control', `public, max-age=${YEAR_SECONDS}, immutable`),
  });
  // What leads out of the folder, or to nothing in it, is nothing at all.
  app.addHook('onRequest', (request, _reply, done) => {
    const isAsset = request.routeOptions.url?.startsWith(assets) === true;
    done(isAsset && (request.raw.url ?? '').includes('..') ? new MfaError('ROUTE_NOT_FOUND') : undefined);
  });
  for (const address of addresses) {
    app.get(address, async (_request, reply) => {
      const nonce = newNonce();
      return reply
        .header('content-security-policy', contentSecurityPolicy({ ...rights, nonce }))
        .type('text/html; charset=utf-8')
        .send(index.replaceAll(NONCE_PLACE, nonce));
    });
  }
}
