/** One of the machines that carry a stack. */
export interface Machine {
  /** Address that its servers listen on and are reached at. */
  host: string;
  /** The network namespace that stands for it, where several machines are one. */
  networkNamespace?: string;
  /** What its programs get in their environment beside their own settings. */
  environment?: Readonly<Record<string, string>>;
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

export const THIS_MACHINE: Machine = { host: '127.0.0.1' };
