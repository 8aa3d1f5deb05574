import type { FastifyInstance } from 'fastify';

/** The organisation's, as it was configured. */
export interface Logo {
  bytes: Buffer;
  type: 'image/svg+xml' | 'image/png';
}

export function serveLogo(app: FastifyInstance, { bytes, type }: Logo): void {
  app.get('/logo', (_request, reply) => reply.header('cache-control', 'public, max-age=3600').type(type).send(bytes));
}

/** @returns undefined when it is neither PNG nor SVG. */
export function readLogo(bytes: Buffer): Logo | undefined {
  if (bytes.subarray(0, 8).equals(Buffer.from('89504e470d0a1a0a', 'hex'))) return { bytes, type: 'image/png' };
  return /^\s*(<\?xml[^>]*>\s*)?(<!--[\s\S]*?-->\s*)*<svg[\s>]/.test(bytes.toString('utf8'))
    ? { bytes, type: 'image/svg+xml' }
    : undefined;
}
