import { call, type Bus, type Credential } from '@countersign/bus';
import type { InputOf, Operation, OutputOf } from '@countersign/contracts';
import { WAIT_MARGIN_MS } from '@countersign/edge';

/** Asks app-server. The same call of a page, repeated, asks under the same name, so that what was done is found (INV-21). */
export type Ask = <O extends Operation>(
  operation: O,
  input: InputOf<O>,
  /** Of an operation that waits so long before it answers. */
  options?: { waitMs: number },
) => Promise<OutputOf<O>>;

export interface Asking {
  bus: Bus;
  /** Of the application that the portal is. */
  credential: Credential;
  traceparent?: string;
  signal: AbortSignal;
  /** Names an attempt, by the operation. */
  attemptOf: (operation: string) => string;
}

/** The one way to app-server. @throws MfaError as it answered. */
export function askAs({ bus, credential, traceparent, signal, attemptOf }: Asking): Ask {
  return async (operation, input, options) => {
    const attemptId = attemptOf(operation.name);
    const { output } = await call(bus, operation, input, {
      attemptId,
      credential,
      signal,
      ...(traceparent !== undefined && { traceparent }),
      ...(operation.changes && { idempotencyKey: attemptId }),
      ...(options !== undefined && { deadlineMs: options.waitMs + WAIT_MARGIN_MS }),
    });
    return output;
  };
}
