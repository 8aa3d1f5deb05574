import { TLSSocket } from 'node:tls';
import { credentialFromApiKey, type Credential } from '@countersign/bus';
import { MfaError } from '@countersign/contracts';
import type { FastifyRequest } from 'fastify';

export interface AuthenticateOptions {
  /** Whether a client certificate must have been signed by a configured authority. */
  mustChain: boolean;
  now: () => number;
}

/**
 * Who asks, as far as an edge can tell: an API key that has the form of one, or a client certificate whose holder has
 * just proved to have the private key. Whether it is registered, and for what, is for app-server to say.
 *
 * The header wins: whoever sends a key means the key. Nothing else is looked at, so there is one way to send each.
 * @throws MfaError UNAUTHENTICATED
 */
export function authenticate(request: FastifyRequest, options: AuthenticateOptions): Credential {
  const { authorization } = request.headers;
  const credential =
    authorization === undefined
      ? credentialOfConnection(request.raw.socket, options)
      : credentialOfHeader(authorization);
  if (credential === undefined) throw new MfaError('UNAUTHENTICATED');
  return credential;
}

/** RFC 6750 section 2.1. The name of the scheme is case-insensitive (RFC 9110 section 11.1). */
function credentialOfHeader(authorization: string): Credential | undefined {
  const [, key] = /^bearer ([\x21-\x7e]+)$/i.exec(authorization) ?? [];
  return key === undefined ? undefined : credentialFromApiKey(key);
}

interface Presented {
  fingerprint: string;
  validFrom: number;
  validTo: number;
  isChained: boolean;
}

/** Reading a certificate costs more than the rest of a request, and it cannot change on a connection. */
const presented = new WeakMap<object, Presented | 'none'>();

function credentialOfConnection(socket: unknown, options: AuthenticateOptions): Credential | undefined {
  if (!(socket instanceof TLSSocket)) return undefined;
  let found = presented.get(socket);
  if (found === undefined) presented.set(socket, (found = readCertificate(socket)));
  if (found === 'none') return undefined;
  const now = options.now();
  if (now < found.validFrom || now > found.validTo) return undefined;
  if (options.mustChain && !found.isChained) return undefined;
  return { type: 'certificate', fingerprint: found.fingerprint };
}

/** `authorized` alone proves nothing: Node also sets it on a resumed TLS 1.3 session without any certificate. */
function readCertificate(socket: TLSSocket): Presented | 'none' {
  const certificate = socket.getPeerX509Certificate();
  if (certificate === undefined) return 'none';
  return {
    fingerprint: certificate.fingerprint256.replaceAll(':', '').toLowerCase(),
    validFrom: certificate.validFromDate.getTime(),
    validTo: certificate.validToDate.getTime(),
    isChained: socket.authorized,
  };
}

/** Under which name a caller's share of something is counted. The digest belongs to it: a key id alone proves nothing. */
export function shareOf(credential: Credential): string {
  return credential.type === 'apiKey' ? `${credential.keyId} ${credential.digest}` : credential.fingerprint;
}
