/** One of the machines that carry a stack. */
export interface Machine {
  /** Address that its servers listen on and are reached at. */
  host: string;
  /** The network namespace that stands for it, where several machines are one. */
  networkNamespace?: string;
  /** A command that starts our programs and Postgres there: it is given theirs, and ends as it. */
  launcher?: readonly string[];
  /** Resolves once it has power, where what stands for a machine may lose it: until then nothing is started there again. */
  whenOn?: () => Promise<void>;
}

/** Where a replica runs and listens. */
export interface Place {
  name: string;
  port: number;
  machine: Machine;
}

/** What starting a program there needs. */
export function startedOn({ networkNamespace }: Machine): { networkNamespace?: string } {
  return networkNamespace === undefined ? {} : { networkNamespace };
}

/** A command as it is started there. */
export function launched({ launcher = [] }: Machine, ...words: readonly string[]): { command: string; args: string[] } {
  const [command = '', ...args] = [...launcher, ...words];
  return { command, args };
}

export const THIS_MACHINE: Machine = { host: '127.0.0.1' };
