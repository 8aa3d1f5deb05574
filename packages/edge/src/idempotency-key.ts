import { isIdempotencyKey } from '@countersign/bus';
import { MfaError } from '@countersign/contracts';
import type { FastifyRequest } from 'fastify';

/**
 * What the caller named this request, where they did.
 * @throws MfaError REQUEST_INVALID. A header given twice arrives joined by a comma and a space, and is refused.
 */
export function idempotencyKeyOf({ headers }: Pick<FastifyRequest, 'headers'>): string | undefined {
  const key = headers['idempotency-key'];
  if (key === undefined) return undefined;
  if (typeof key === 'string' && isIdempotencyKey(key)) return key;
  const message = 'must be 1 to 128 visible ASCII characters';
  throw new MfaError('REQUEST_INVALID', { invalid: [{ pointer: 'Idempotency-Key', message }] });
}
