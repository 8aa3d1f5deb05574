import { call, type Bus, type CallOptions, type Credential } from '@countersign/bus';
import type { InputOf, Operation, OutputOf } from '@countersign/contracts';

/** Asks, as the application that this service is. @throws MfaError */
export type Ask = <O extends Operation>(
  operation: O,
  input: InputOf<O>,
  options: Omit<CallOptions, 'credential'>,
) => Promise<OutputOf<O>>;

export function askFrom(bus: Bus, credential: Credential): Ask {
  return async (operation, input, options) => {
    const { output } = await call(bus, operation, input, { ...options, credential });
    return output;
  };
}
