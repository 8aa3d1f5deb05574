import { createHash } from 'node:crypto';
import { requestHash } from '../idempotency/canonical.ts';
import type { KeyRing } from '../keys/ring.ts';
import type { AuthorisedRequest } from './authorise.ts';

/**
 * Ties an attempt's id to who asks what. The edge chose the id; the same one with another caller, operation or input is another
 * attempt and is never told what became of the first.
 */
export function boundAttempt(request: AuthorisedRequest, input: unknown): AuthorisedRequest {
  const { application, operation, attemptId } = request;
  const parts = [application.applicationId, operation.name, requestHash(input), attemptId];
  return { ...request, attemptId: createHash('sha256').update(JSON.stringify(parts)).digest('base64url') };
}

const SECRET_INPUTS: ReadonlySet<string> = new Set(['password', 'mschap', 'eap', 'pin', 'answers', 'secret']);

/** Says by which way a request came, and nothing of what is asked: the same one may come by another. */
const WAYS: ReadonlySet<string> = new Set(['source', 'transport']);

/**
 * What a repeated request is recognised by. Hashes of it stand in the ledger, the audit and the memory of answers: of a password, a PIN,
 * answers to security questions, and a shared secret, they hold a keyed one, which no guess can be held against.
 */
export function recognisable(ring: Pick<KeyRing, 'mac'>, input: unknown): unknown {
  if (typeof input !== 'object' || input === null) return input;
  const entries = Object.entries(input).filter(([name]) => !WAYS.has(name));
  return Object.fromEntries(
    entries.map(([name, value]) =>
      SECRET_INPUTS.has(name) && value !== undefined
        ? [name, ring.mac(name, JSON.stringify(value)).toString('base64url')]
        : [name, value],
    ),
  );
}
