import type { MachineNumber } from './network.ts';

/** Which machines have power. Nothing is started on one that has none. */
export interface Power {
  off(machine: MachineNumber): void;
  on(machine: MachineNumber): void;
  /** Resolves once it has power. */
  whenOn(machine: MachineNumber): Promise<void>;
}

export function makePower(): Power {
  const back = new Map<MachineNumber, PromiseWithResolvers<void>>();
  return {
    off: (machine) => void back.set(machine, Promise.withResolvers()),
    on: (machine) => {
      back.get(machine)?.resolve();
      back.delete(machine);
    },
    whenOn: (machine) => back.get(machine)?.promise ?? Promise.resolve(),
  };
}
