import { spawnSync } from 'node:child_process';

/** Runs a program to its end. @throws Error with what it said, when it failed. @returns what it printed. */
export function command(program: string, args: readonly string[], input?: string): string {
  const { status, stdout, stderr, error } = spawnSync(program, args, { encoding: 'utf8', ...(input && { input }) });
  if (status === 0) return stdout;
  throw new Error(`${program} ${args.join(' ')}: ${error?.message ?? stderr.trim()}`);
}

/** The same for what may have been done already. */
export function tryCommand(program: string, args: readonly string[]): boolean {
  return spawnSync(program, args, { stdio: 'ignore' }).status === 0;
}
