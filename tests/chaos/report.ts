import type { Verdict } from './checker/check.ts';
import type { Expectation } from './faults.ts';
import type { AdminWrite, Login } from './history.ts';

/** One line of the table. Times in ms. */
export interface Row extends Verdict {
  fault: string;
  tried: number;
  failed: number;
  slowestMs: number;
  loginsHealMs: number;
  writesHealMs: number;
  /** Of the logins of the ten seconds after it was injected. */
  waitedShare: number;
  broken: string[];
}

const SLOW_MS = 1000;
const EARLY_MS = 10_000;

/** A text message may take its time; how long one did says little about how long a decision took. */
const slowOf = (login: Login) => !login.isIn || login.ms > SLOW_MS;

export function rowOf(
  fault: { name: string; expect: Expectation },
  injectedAt: number,
  logins: readonly Login[],
  writes: readonly AdminWrite[],
  verdict: Verdict,
): Row {
  const failed = logins.filter(({ isIn }) => !isIn).length;
  const early = logins.filter(({ dueAt }) => dueAt >= injectedAt && dueAt < injectedAt + EARLY_MS);
  const lastSlow = logins.findLast(slowOf);
  const refusals = writes.filter(({ status }) => status >= 500 || status === 0);
  const lastRefused = refusals.at(-1);
  const nextWrite = writes.find(({ at, status }) => at > (lastRefused?.at ?? Infinity) && status === 201);
  const row = {
    ...verdict,
    fault: fault.name,
    tried: logins.length,
    failed,
    slowestMs: Math.max(0, ...logins.map(({ ms }) => ms)),
    loginsHealMs: lastSlow === undefined ? 0 : Math.max(0, Math.round(lastSlow.dueAt - injectedAt)),
    writesHealMs:
      lastRefused === undefined
        ? 0
        : Math.round((nextWrite === undefined ? Infinity : nextWrite.at + nextWrite.ms) - injectedAt),
    waitedShare: early.length === 0 ? 0 : early.filter(slowOf).length / early.length,
  };
  return { ...row, broken: brokenPromises(row, fault.expect) };
}

function brokenPromises(row: Omit<Row, 'broken'>, { failedShare, writesHealMs }: Expectation): string[] {
  return [
    ...row.violations,
    ...(row.tried === 0 ? ['no login was tried'] : []),
    ...(row.failed > failedShare * row.tried ? [`${row.failed} of ${row.tried} logins failed`] : []),
    ...(writesHealMs !== undefined && row.writesHealMs > writesHealMs
      ? [`changes were possible again after ${row.writesHealMs} ms, promised are ${writesHealMs} ms`]
      : []),
  ];
}

const COLUMNS: readonly [string, (row: Row) => string][] = [
  ['Fault', ({ fault }) => fault],
  ['Logins', ({ tried }) => String(tried)],
  ['Failed', ({ failed }) => String(failed)],
  ['Slowest, s', ({ slowestMs }) => (slowestMs / 1000).toFixed(1)],
  ['Logins whole after, s', ({ loginsHealMs }) => (loginsHealMs / 1000).toFixed(1)],
  ['Changes after, s', ({ writesHealMs }) => (writesHealMs / 1000).toFixed(1)],
  ['Waited over 1 s', ({ waitedShare }) => `${Math.round(waitedShare * 100)} %`],
  ['Changes lost', ({ writesLost }) => String(writesLost)],
  ['Codes twice', ({ acceptedTwice }) => String(acceptedTwice)],
  ['Audit missing', ({ auditMissing }) => String(auditMissing)],
];

export function tableOf(rows: readonly Row[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  return [
    line(COLUMNS.map(([name]) => name)),
    line(COLUMNS.map(() => '---')),
    ...rows.map((row) => line(COLUMNS.map(([, cell]) => cell(row)))),
  ].join('\n');
}
