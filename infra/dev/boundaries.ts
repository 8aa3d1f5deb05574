import { spawn } from 'node:child_process';
import { globSync } from 'node:fs';
import { join } from 'node:path';

/** What is looked at. Every file in it must have been seen, or the check fails: a check that passes on nothing is none. */
const SOURCES = ['services', 'packages', 'infra/dev', 'tests'];
const CHECKOUT = join(import.meta.dirname, '..', '..');
const RULES = join(CHECKOUT, '.dependency-cruiser.cjs');
const PROGRAM = join(CHECKOUT, 'node_modules', 'dependency-cruiser', 'bin', 'dependency-cruiser.mjs');

export interface BoundaryReport {
  /** Paths of our own files that were looked at. */
  seen: string[];
  /** Paths of our own files that were not. */
  missed: string[];
  violations: { rule: string; from: string; to: string; advice: string }[];
}

interface CruiseResult {
  modules: { source: string; followable?: boolean; coreModule?: boolean }[];
  summary: { violations: { rule: { name: string }; from: string; to: string; comment?: string }[] };
}

/** Checks every import below `root` against the rules of .dependency-cruiser.cjs. */
export async function checkBoundaries(root: string): Promise<BoundaryReport> {
  const files = SOURCES.flatMap((folder) =>
    globSync(`${folder}/**/*.ts`, { cwd: root, exclude: ['**/node_modules/**', '**/dist/**'] }),
  ).toSorted();
  const folders = [...new Set(SOURCES.filter((folder) => files.some((file) => file.startsWith(`${folder}/`))))];
  const result = folders.length === 0 ? undefined : await cruise(root, folders);
  const cruised = new Set(result?.modules.map((module) => module.source));
  return {
    seen: files.filter((file) => cruised.has(file)),
    missed: files.filter((file) => !cruised.has(file)),
    violations: (result?.summary.violations ?? []).map(({ rule, from, to, comment = '' }) => ({
      rule: rule.name,
      from,
      to,
      advice: comment,
    })),
  };
}

async function cruise(root: string, folders: string[]): Promise<CruiseResult> {
  const { output, complaints } = await collect(
    process.execPath,
    [PROGRAM, '--config', RULES, '--output-type', 'json', ...folders],
    root,
  );
  try {
    return JSON.parse(output) as CruiseResult;
  } catch (cause) {
    throw new Error(`dependency-cruiser failed:\n${complaints || output}`, { cause });
  }
}

function collect(command: string, args: string[], cwd: string): Promise<{ output: string; complaints: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd, stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    let complaints = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => (output += text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => (complaints += text));
    child.once('error', reject);
    child.once('close', () => resolve({ output, complaints }));
  });
}

if (import.meta.main) {
  const report = await checkBoundaries(CHECKOUT);
  for (const { rule, from, to, advice } of report.violations) console.error(`${rule}: ${from} → ${to}\n  ${advice}`);
  for (const file of report.missed) console.error(`not looked at: ${file}`);
  console.log(`${report.seen.length} files looked at, ${report.violations.length} wrong imports`);
  if (report.seen.length === 0 || report.missed.length > 0 || report.violations.length > 0) process.exitCode = 1;
}
