import { call, type Bus, type CallOptions, type Credential } from '@countersign/bus';
import type { InputOf, Operation, OutputOf } from '@countersign/contracts';

/** Asks, as the application that this service is. @throws MfaError */
export type Ask = <O extends Operation>(
  operation: O,
  input: InputOf<O>,
  options: Omit<CallOptions, 'credential'>,
) => Promise<OutputOf<O>>;

/**
 * What is asked in one turn of the event loop leaves in one: every packet comes as an event of its own, and each would be a write to NATS of its
 * own, which costs a busy process more than all that it does with the packet.
 */
export function askFrom(bus: Bus, credential: Credential): Ask {
  let turn: Promise<void> | undefined;
  function together(): Promise<void> {
    turn ??= new Promise((resolve) => {
      setImmediate(() => {
        turn = undefined;
        resolve();
      });
    });
    return turn;
  }
  return async (operation, input, options) => {
    await together();
    const { output } = await call(bus, operation, input, { ...options, credential });
    return output;
  };
}
