import { readdirSync, readFileSync } from 'node:fs';
import { extname, join, relative } from 'node:path';
import { serveShell } from '@countersign/edge';
import type { FastifyInstance } from 'fastify';

/** Where the authenticator is. Its links say so, and what is on a home screen was installed from there: it stays. */
const APP = '/app/';
const ASSETS = 'assets/';
/** The policy of a page is not that of its service worker: that one has its own, of the answer that it came with. */
const WORKER = 'sw.js';
const WORKER_POLICY =
  "default-src 'none'; script-src 'self'; connect-src 'self'; frame-ancestors 'none'; base-uri 'none'";

const TYPES: Readonly<Record<string, string>> = {
  '.ico': 'image/x-icon',
  '.js': 'text/javascript; charset=utf-8',
  '.json': 'application/json',
  '.png': 'image/png',
  '.svg': 'image/svg+xml',
  '.webmanifest': 'application/manifest+json',
};

/**
 * The authenticator for phones without one from a store.
 * @param folder what `vite build` made.
 */
export function serveApp(app: FastifyInstance, folder: string): void {
  serveShell(app, { folder, assets: `${APP}${ASSETS}`, addresses: [APP], rights: { isInstallable: true } });
  for (const path of ['/', APP.slice(0, -1)]) app.get(path, (_request, reply) => reply.redirect(APP));
  for (const name of besidePage(folder)) {
    const bytes = readFileSync(join(folder, name));
    const type = TYPES[extname(name)] ?? 'application/octet-stream';
    app.get(`${APP}${name}`, (_request, reply) => {
      if (name === WORKER) reply.headers({ 'service-worker-allowed': APP, 'content-security-policy': WORKER_POLICY });
      // Their names stay when what is in them changes.
      return reply.header('cache-control', 'no-cache').type(type).send(bytes);
    });
  }
}

/** Manifest, icons and service worker. */
function besidePage(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)))
    .filter((name) => name !== 'index.html' && !name.startsWith(ASSETS));
}
