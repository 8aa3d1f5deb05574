import { MfaError, type ErrorCode } from '@countersign/contracts';
import type { AuthorisedRequest } from '../application/authorise.ts';
import type { Trail } from '../audit/trail.ts';
import type { LoginInput } from './client-request.ts';
import type { EffectiveClient } from './clients.ts';

/**
 * What of an error is a "no" to a login. Anything else says nothing of whoever logs in: then nothing is sent, so that the client asks again or
 * asks its next server (RAD-44).
 */
const REFUSALS: ReadonlySet<ErrorCode> = new Set([
  'REQUEST_INVALID',
  'CREDENTIALS_REJECTED',
  'PASSWORD_EXPIRED',
  'CODE_REJECTED',
  'PIN_NEEDED',
  'CHALLENGE_NOT_FOUND',
  'CHALLENGE_CLOSED',
  'METHOD_UNAVAILABLE',
  'USER_NOT_FOUND',
  'USER_DISABLED',
  'TRY_LATER',
  'NOT_ALLOWED',
]);

export function isRefusal(error: unknown): error is MfaError {
  return error instanceof MfaError && REFUSALS.has(error.code);
}

/** Beside what the ledger has of it: which client it was, and what of its packet. Once, however many replicas have the packet. */
export async function recordRefusal(
  { trail, now }: { trail: Trail; now: () => number },
  { clientId, name }: Pick<EffectiveClient, 'clientId' | 'name'>,
  packet: Partial<Pick<LoginInput, 'source' | 'transport' | 'accessServer'>>,
  { code, reason }: MfaError,
  { attemptId, traceId, application: { applicationId } }: AuthorisedRequest,
): Promise<void> {
  const { source, transport, accessServer } = packet;
  await trail.record(
    {
      type: 'radius.refused',
      at: now(),
      attemptId,
      traceId,
      applicationId,
      reason: reason ?? code,
      detail: { clientId, client: name, source, transport, accessServer },
    },
    { once: true },
  );
}
