import { MfaError } from '@countersign/contracts';
import type { FastifyRequest } from 'fastify';

/** What our own pages send, and a form of somebody else's page cannot: it takes a permission of ours (CORS) that nobody has. */
const HEADER = 'x-countersign';
const VALUE = 'portal';

/**
 * Only our own pages may ask (APP-10): the browser says where a request comes from (Fetch Metadata), an old one by Origin, and a header
 * stands there that no form can send.
 * @throws MfaError FORBIDDEN.
 */
export function assertOwnPage(request: FastifyRequest, origin: string): void {
  assertSameOrigin(request, origin);
  if (request.headers[HEADER] !== VALUE) throw foreign('no header of ours');
}

/** @throws MfaError FORBIDDEN. */
export function assertSameOrigin({ headers }: FastifyRequest, origin: string): void {
  const site = headers['sec-fetch-site'];
  if (site !== undefined && site !== 'same-origin') throw foreign(`from ${site}`);
  // A browser that hides where it comes from says `null`; what it says of the site still counts.
  const isHidden = headers.origin === undefined || headers.origin === 'null';
  if (!isHidden && headers.origin !== origin) throw foreign('from another origin');
  if (isHidden && site === undefined) throw foreign('from nowhere');
}

function foreign(reason: string): MfaError {
  return new MfaError('FORBIDDEN', { detail: 'Only the pages of this portal may ask for that.', reason });
}
