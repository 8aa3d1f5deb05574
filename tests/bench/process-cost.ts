import { readFileSync } from 'node:fs';
import type { LoadOutcome } from './load.ts';

/** Linux counts CPU time in hundredths of a second for every program (USER_HZ). */
const TICKS_PER_SECOND = 100;

/** CPU seconds, user and system, that a process and the children it has waited for used so far. */
function cpuSeconds(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
  // The name in brackets may hold spaces; fields are counted from its end.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const [user, system, childUser, childSystem] = fields.slice(11, 15).map(Number);
  return ((user ?? 0) + (system ?? 0) + (childUser ?? 0) + (childSystem ?? 0)) / TICKS_PER_SECOND;
}

/** Resident set size in MB. */
export function residentMegabytes(pid: number): number {
  const line = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'));
  return Number(line?.[1] ?? 0) / 1024;
}

/** A process and everything below it: Postgres works in children. */
function familyOf(pid: number): number[] {
  let children: number[] = [];
  try {
    children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'latin1')
      .trim()
      .split(' ')
      .filter(Boolean)
      .map(Number);
  } catch {
    return [];
  }
  return [pid, ...children.flatMap(familyOf)];
}

/** CPU seconds of a process and of those of its descendants that are alive. */
function familyCpuSeconds(pid: number): number {
  return familyOf(pid).reduce((sum, member) => sum + cpuSecondsOrNone(member), 0);
}

function cpuSecondsOrNone(pid: number): number {
  try {
    return cpuSeconds(pid);
  } catch {
    return 0;
  }
}

/** CPU ms of each kind of process per unit of work that was done; replicas together. */
export async function costOf(
  processes: readonly [string, { pid: number }][],
  run: () => Promise<LoadOutcome>,
): Promise<{ outcome: LoadOutcome; cpuMs: Record<string, number> }> {
  const before = processes.map(([, { pid }]) => familyCpuSeconds(pid));
  const outcome = await run();
  const cpuMs: Record<string, number> = {};
  for (const [index, [name, { pid }]] of processes.entries()) {
    const kind = name.replace(/-\d+$/, '');
    const spent = familyCpuSeconds(pid) - (before[index] ?? 0);
    cpuMs[kind] = (cpuMs[kind] ?? 0) + (spent * 1000) / Math.max(1, outcome.completed);
  }
  return { outcome, cpuMs };
}
