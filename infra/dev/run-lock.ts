import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { isAlive, killTree, processRow, waitUntil } from '@countersign/testkit';
import { readJson, writePrivateJson } from './private-file.ts';

interface ProcessMark {
  pid: number;
  /** When it was started, in clock ticks since boot: a pid alone may by now be somebody else's. */
  startTicks: string;
}

interface RunFile extends ProcessMark {
  processes: Record<string, ProcessMark>;
}

export interface RunLock {
  /** Remembers what runs, so that the next start can end what a hard kill left behind. */
  remember(processes: Readonly<Record<string, number>>): void;
  release(): void;
}

export class RunsAlready extends Error {
  override readonly name = 'RunsAlready';
  readonly pid: number;
  constructor(pid: number) {
    super(`The stack runs already (process ${pid}).`);
    this.pid = pid;
  }
}

/** The process that runs the stack of this folder now. */
export function holderOfRunLock(dir: string): number | undefined {
  const found = readJson(join(dir, 'run.json')) as RunFile | undefined;
  return found !== undefined && isStill(found) ? found.pid : undefined;
}

/**
 * Makes this process the one that runs the stack of this folder, and ends what is left of one that was killed hard.
 * @throws RunsAlready
 */
export async function takeRunLock(dir: string, say: (line: string) => void): Promise<RunLock> {
  const path = join(dir, 'run.json');
  const before = readJson(path) as RunFile | undefined;
  if (before !== undefined) {
    if (isStill(before)) throw new RunsAlready(before.pid);
    await endLeftovers(before.processes, say);
    rmSync(path, { force: true });
  }
  const mark = markOf(process.pid);
  try {
    writeFileSync(path, JSON.stringify({ ...mark, processes: {} }), { mode: 0o600, flag: 'wx' });
  } catch (error) {
    const winner = (readJson(path) as RunFile | undefined)?.pid;
    throw winner === undefined ? error : new RunsAlready(winner);
  }
  return {
    remember: (processes) => {
      const marks = Object.fromEntries(Object.entries(processes).map(([name, pid]) => [name, markOf(pid)]));
      writePrivateJson(path, { ...mark, processes: marks });
    },
    release: () => rmSync(path, { force: true }),
  };
}

function markOf(pid: number): ProcessMark {
  return { pid, startTicks: processRow(pid)?.startTicks ?? '' };
}

function isStill({ pid, startTicks }: ProcessMark): boolean {
  return isAlive(pid) && processRow(pid)?.startTicks === startTicks;
}

async function endLeftovers(processes: RunFile['processes'], say: (line: string) => void): Promise<void> {
  const left = Object.entries(processes).filter(([, mark]) => isStill(mark));
  if (left.length === 0) return;
  say(`ending what an earlier run left behind: ${left.map(([name]) => name).join(', ')}`);
  // Orderly for all of them, Postgres included (its fast shutdown); who hangs is killed.
  for (const [, { pid }] of left) {
    process.kill(pid, 'SIGINT');
    process.kill(pid, 'SIGCONT');
  }
  const gone = () => !left.some(([, mark]) => isStill(mark));
  await waitUntil(gone, { timeoutMs: 10_000, what: 'the leftovers to end' }).catch(async () => {
    for (const [, mark] of left) if (isStill(mark)) killTree(mark.pid);
    await waitUntil(gone, { what: 'the leftovers to be gone' });
  });
}
