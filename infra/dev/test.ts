/**
 * `npm test`: everything CI runs, in order, and at the end one line `N passed, N failed`. `npm test -- unit` runs the parts whose
 * names are given. Above it stands what was skipped, by name.
 */
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CHECKOUT } from './layout.ts';

interface Part {
  name: string;
  command: readonly [program: string, ...args: string[]];
}

/** Each of these counts as one test. */
const GATES: readonly Part[] = [
  { name: 'lint', command: ['oxlint', '--type-aware', '--deny-warnings', '--format=unix'] },
  { name: 'format', command: ['oxfmt', '--check', '.'] },
  { name: 'types', command: ['tsc', '--noEmit', '-p', 'tsconfig.json'] },
  ...['user-portal', 'mobile-app-web-service'].map((service) => ({
    name: `page-types of ${service}`,
    command: ['tsc', '--noEmit', '-p', join('services', service, 'web', 'tsconfig.json')] as const,
  })),
  { name: 'boundaries', command: ['node', join('infra', 'dev', 'boundaries.ts')] },
  { name: 'dead-code', command: ['knip', '--no-config-hints'] },
];
/**
 * Projects of vitest.config.ts, with how many files of them run at a time: most wait for an engine more than they work. What starts a
 * whole stack leaves the machine to it, and comes by itself. The rules of the house are tests of the last.
 */
const SUITES: readonly { projects: readonly string[]; workers: number }[] = [
  { projects: ['unit', 'integration'], workers: 4 },
  { projects: ['e2e'], workers: 3 },
];
/** The few faults that matter most, at a pace that leaves a busy machine room for the noise of others. */
const CHAOS = ['node', '--conditions=source', join('tests', 'chaos', 'main.ts'), '--short', '--rate', '20'] as const;

/** As vitest says it of a test that was not run, on purpose or for now. */
const NOT_RUN: ReadonlySet<string> = new Set(['skipped', 'pending', 'todo', 'disabled']);

interface Outcome {
  passed: number;
  failed: number;
  /** Names of tests that this machine, or this user, cannot run. */
  skipped?: readonly string[];
}

/** What is read of the report of vitest. */
interface Report {
  numPassedTests: number;
  numFailedTests: number;
  testResults: readonly { assertionResults: readonly { fullName: string; status: string }[] }[];
}

const wanted = process.argv.slice(2).filter((argument) => argument !== '--');
const isWanted = (name: string) => wanted.length === 0 || wanted.includes(name);
const bin = join(CHECKOUT, 'node_modules', '.bin');
const outcomes: Outcome[] = [];

for (const { name, command } of GATES.filter((gate) => isWanted(gate.name))) {
  const code = await run(name, command);
  outcomes.push(code === 0 ? { passed: 1, failed: 0 } : { passed: 0, failed: 1 });
}
for (const { projects, workers } of SUITES) {
  const chosen = projects.filter(isWanted);
  if (chosen.length > 0) outcomes.push(await runSuite(chosen, workers));
}
if (isWanted('chaos')) outcomes.push(await runChaos());

const passed = outcomes.reduce((sum, outcome) => sum + outcome.passed, 0);
const skipped = outcomes.flatMap((outcome) => outcome.skipped ?? []);
const failed = outcomes.reduce((sum, outcome) => sum + outcome.failed, 0);
if (skipped.length > 0) process.stdout.write(`skipped: ${skipped.join('; ')}\n`);
process.stdout.write(`${passed} passed, ${failed} failed\n`);
process.exitCode = failed > 0 || passed === 0 ? 1 : 0;

async function runSuite(projects: readonly string[], workers: number): Promise<Outcome> {
  const suite = projects.join(' and ');
  const folder = mkdtempSync(join(tmpdir(), 'countersign-test-'));
  const report = join(folder, 'report.json');
  try {
    const reporters = ['--reporter=dot', '--reporter=json', `--outputFile.json=${report}`];
    const chosen = projects.map((project) => `--project=${project}`);
    const code = await run(suite, ['vitest', 'run', ...chosen, `--maxWorkers=${workers}`, ...reporters]);
    return counted(report, code);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Each fault counts as one test. */
async function runChaos(): Promise<Outcome> {
  const folder = mkdtempSync(join(tmpdir(), 'countersign-test-'));
  const report = join(folder, 'chaos.json');
  try {
    const code = await run('chaos', [...CHAOS, '--report', report]);
    const { passed, failed } = JSON.parse(readFileSync(report, 'utf8')) as Outcome;
    return { passed, failed: failed === 0 && code !== 0 ? 1 : failed };
  } catch {
    return { passed: 0, failed: 1 };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** A suite that ran nothing, or whose files could not be loaded, has failed. */
function counted(report: string, code: number): Outcome {
  try {
    const { numPassedTests, numFailedTests, testResults } = JSON.parse(readFileSync(report, 'utf8')) as Report;
    const skipped = testResults.flatMap(({ assertionResults }) =>
      assertionResults.flatMap(({ fullName, status }) => (NOT_RUN.has(status) ? fullName : [])),
    );
    const unseen = numFailedTests === 0 && (code !== 0 || numPassedTests === 0) ? 1 : 0;
    return { passed: numPassedTests, failed: numFailedTests + unseen, skipped };
  } catch {
    return { passed: 0, failed: 1 };
  }
}

function run(name: string, [program, ...args]: Part['command']): Promise<number> {
  process.stdout.write(
    `\n── ${name}: ${program} ${args.filter((argument) => !argument.startsWith('--outputFile')).join(' ')}\n`,
  );
  const startedAt = performance.now();
  return new Promise((resolve) => {
    const child = spawn(join(bin, program), args, { cwd: CHECKOUT, stdio: ['ignore', 'inherit', 'inherit'] });
    const done = (code: number) => {
      const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);
      process.stdout.write(`── ${name}: ${code === 0 ? 'ok' : `failed (${code})`} after ${seconds} s\n`);
      resolve(code);
    };
    child.once('error', () => done(127));
    child.once('close', (code) => done(code ?? 1));
  });
}
