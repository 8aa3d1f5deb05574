import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { accepts } from '@countersign/testkit';

export interface TakenPort {
  port: number;
  /** What the stack wants it for. */
  purpose: string;
  /** `node (process 4711)`, when the system tells us. */
  holder: string | undefined;
}

/**
 * Those of the ports on which somebody listens already.
 * @param datagrams the same for UDP, where nobody answers a knock: the system is asked.
 */
export async function takenPorts(
  wanted: ReadonlyMap<number, string>,
  datagrams: ReadonlyMap<number, string> = new Map(),
): Promise<TakenPort[]> {
  const checked = await Promise.all(
    [...wanted].map(async ([port, purpose]) =>
      (await accepts(port)) ? { port, purpose, holder: holderOf(inodeOf(port, TCP)) } : [],
    ),
  );
  const bound = [...datagrams].flatMap(([port, purpose]) => {
    const inode = inodeOf(port, UDP);
    return inode === undefined ? [] : [{ port, purpose, holder: holderOf(inode) }];
  });
  return [...checked.flat(), ...bound];
}

function holderOf(inode: string | undefined): string | undefined {
  if (inode === undefined) return undefined;
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    if (socketsOf(pid).includes(inode)) return `${nameOf(pid)} (process ${pid})`;
  }
  return undefined;
}

interface Table {
  files: readonly string[];
  /** Of whoever takes what comes from anybody. */
  state: string;
}

/** @see proc(5), /proc/net/tcp: state 0A is LISTEN, the tenth column the inode of the socket. A UDP socket that is connected has 01. */
const TCP: Table = { files: ['/proc/net/tcp', '/proc/net/tcp6'], state: '0A' };
const UDP: Table = { files: ['/proc/net/udp', '/proc/net/udp6'], state: '07' };

function inodeOf(port: number, { files, state }: Table): string | undefined {
  const suffix = `:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  for (const file of files) {
    for (const line of read(file).split('\n')) {
      const columns = line.trim().split(/\s+/);
      if (columns[1]?.endsWith(suffix) === true && columns[3] === state) return columns[9];
    }
  }
  return undefined;
}

function socketsOf(pid: string): string[] {
  const folder = `/proc/${pid}/fd`;
  try {
    return readdirSync(folder).map((fd) => inodeOfSocket(join(folder, fd)));
  } catch {
    return [];
  }
}

/** Empty for what is no socket, or was closed meanwhile. */
function inodeOfSocket(path: string): string {
  try {
    return /^socket:\[(\d+)\]$/.exec(readlinkSync(path))?.[1] ?? '';
  } catch {
    return '';
  }
}

function nameOf(pid: string): string {
  return read(`/proc/${pid}/comm`).trim() || 'a program';
}

function read(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}
