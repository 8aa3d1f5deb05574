import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

interface ProcessRow {
  parent: number;
  /** `Z` and `X` are dead, only not yet reaped. */
  state: string;
  /** Clock ticks between boot and start. With the pid it names one process for ever. */
  startTicks: string;
}

/** One row of the system's process table. Undefined when there is no such process, or no /proc (not Linux). */
export function processRow(pid: number): ProcessRow | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The name stands in parentheses and may hold blanks and parentheses itself: fields count from the last one.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return { state: fields[0] ?? '?', parent: Number(fields[1]), startTicks: fields[19] ?? '' };
  } catch {
    return undefined;
  }
}

/** A zombie counts as gone: it runs no code and holds no port. Unless only its first thread has ended so far. */
export function isAlive(pid: number): boolean {
  const row = processRow(pid);
  if (row !== undefined) return (row.state !== 'Z' && row.state !== 'X') || threadsOf(pid) > 1;
  try {
    process.kill(pid, 0);
    return !readableProc;
  } catch {
    return false;
  }
}

function threadsOf(pid: number): number {
  try {
    return readdirSync(`/proc/${pid}/task`).length;
  } catch {
    return 0;
  }
}

const readableProc = processRow(process.pid) !== undefined;

/** Every living descendant, parents before children. */
export function descendantsOf(pid: number): number[] {
  const children = new Map<number, number[]>();
  for (const entry of listProc()) {
    const row = processRow(entry);
    if (row === undefined || row.state === 'Z' || row.state === 'X') continue;
    children.set(row.parent, [...(children.get(row.parent) ?? []), entry]);
  }
  const found: number[] = [];
  const open = [pid];
  for (let next = open.shift(); next !== undefined; next = open.shift()) {
    const below = children.get(next) ?? [];
    found.push(...below);
    open.push(...below);
  }
  return found;
}

/** The working directory of a process, or undefined when it is gone or not ours to see. */
export function workingDirectoryOf(pid: number): string | undefined {
  try {
    return readlinkSync(`/proc/${pid}/cwd`);
  } catch {
    return undefined;
  }
}

function listProc(): number[] {
  try {
    return readdirSync('/proc')
      .filter((name) => /^[0-9]+$/.test(name))
      .map(Number);
  } catch {
    return [];
  }
}

/** Sends the signal, and says whether there was anybody to receive it. */
export function signal(pid: number, name: NodeJS.Signals): boolean {
  try {
    process.kill(pid, name);
    return true;
  } catch {
    return false;
  }
}

/** Stops the process first, so that its family stops growing, and then every descendant. None of them runs any more when it returns. */
export function pauseTree(pid: number): void {
  signal(pid, 'SIGSTOP');
  const family = descendantsOf(pid);
  for (const child of family) signal(child, 'SIGSTOP');
  untilStopped([pid, ...family]);
}

const STOPPED_WITHIN_MS = 2000;
const STATES_OF_REST: ReadonlySet<string> = new Set(['T', 't', 'Z', 'X']);

/** The signal only asks: on a busy machine a thread runs on for a while, and may still answer somebody. */
function untilStopped(pids: readonly number[]): void {
  const giveUpAt = performance.now() + STOPPED_WITHIN_MS;
  const pause = new Int32Array(new SharedArrayBuffer(4));
  while (pids.some(runs) && performance.now() < giveUpAt) Atomics.wait(pause, 0, 0, 1);
}

function runs(pid: number): boolean {
  try {
    return readdirSync(`/proc/${pid}/task`).some((thread) => {
      const stat = readFileSync(`/proc/${pid}/task/${thread}/stat`, 'utf8');
      return !STATES_OF_REST.has(stat.slice(stat.lastIndexOf(')') + 2)[0] ?? '');
    });
  } catch {
    return false;
  }
}

export function resumeTree(pid: number): void {
  for (const child of descendantsOf(pid).toReversed()) signal(child, 'SIGCONT');
  signal(pid, 'SIGCONT');
}

/** `kill -9` of the process and of everything below it. Returns the pids that were killed. */
export function killTree(pid: number): number[] {
  signal(pid, 'SIGSTOP');
  const family = descendantsOf(pid);
  for (const child of family) signal(child, 'SIGKILL');
  // A child that was born while the parent was being stopped.
  for (const child of descendantsOf(pid)) {
    if (!family.includes(child)) family.push(child);
    signal(child, 'SIGKILL');
  }
  signal(pid, 'SIGKILL');
  return [pid, ...family];
}
