import { isUtf8 } from 'node:buffer';
import { compileValidator } from '@countersign/bus';
import { MfaError, SignedRequest } from '@countersign/contracts';
import type { FastifyRequest } from 'fastify';

const HEADERS = { signatureInput: 'signature-input', signature: 'signature', contentDigest: 'content-digest' } as const;
const invalidIn = compileValidator(SignedRequest);

/**
 * The name in what phones sign (RFC 9421 section 2.2.3).
 * @param publicUrl from the configuration, never from Host (R28).
 */
export function authorityOf(publicUrl: string): string {
  // As URL writes it: lower case, and no port where it is that of HTTPS.
  return new URL(publicUrl).host;
}

/** Before the body is read, so that whoever signs nothing costs us a header. @throws MfaError SIGNATURE_INVALID. */
export function assertSigned({ raw: { rawHeaders } }: FastifyRequest): void {
  for (const name of Object.values(HEADERS)) headerOf(rawHeaders, name);
}

/**
 * What a phone signed, as it came. Whether the signature is right is for app-server to say.
 * @throws MfaError SIGNATURE_INVALID for what nobody could have signed, without asking anybody.
 */
export function signedRequest(request: FastifyRequest, authority: string, route: string): SignedRequest {
  const { url = '', rawHeaders } = request.raw;
  const start = url.indexOf('?');
  const path = start === -1 ? url : url.slice(0, start);
  // The router takes other spellings for the same. What is signed has one.
  if (path !== route) throw invalid('another spelling of the path');
  if (!Buffer.isBuffer(request.body) || !isUtf8(request.body)) throw invalid('no text');
  const signed: SignedRequest = {
    method: 'POST',
    authority,
    path,
    query: start === -1 ? '?' : url.slice(start),
    body: request.body.toString('utf8'),
    signatureInput: headerOf(rawHeaders, HEADERS.signatureInput),
    signature: headerOf(rawHeaders, HEADERS.signature),
    contentDigest: headerOf(rawHeaders, HEADERS.contentDigest),
  };
  const [wrong] = invalidIn(signed) ?? [];
  if (wrong !== undefined) throw invalid(`${wrong.pointer} ${wrong.message}`);
  return signed;
}

/** Given once. What Node makes of one that came twice is a third that nobody sent. */
function headerOf(rawHeaders: readonly string[], wanted: string): string {
  let found: string | undefined;
  for (let index = 0; index < rawHeaders.length; index += 2) {
    if (rawHeaders[index]?.toLowerCase() !== wanted) continue;
    if (found !== undefined) throw invalid(`${wanted} twice`);
    found = rawHeaders[index + 1];
  }
  if (found === undefined) throw invalid(`no ${wanted}`);
  return found;
}

function invalid(reason: string): MfaError {
  return new MfaError('SIGNATURE_INVALID', { reason });
}
