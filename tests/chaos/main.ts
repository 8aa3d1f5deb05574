/**
 * `npm run chaos`: breaks one thing after another in the production topology while people log in, and says what they noticed.
 * `-- --short` for the few that matter most, `-- --faults "nats-1 killed,…"` for some, `-- --write` into docs/resilience.md,
 * `-- --report FILE` for how many passed and failed, as JSON.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { cpus, release } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { CHECKOUT } from '../../infra/dev/layout.ts';
import { readJson } from '../../infra/dev/private-file.ts';
import { haLayout } from '../../infra/ha/ha-layout.ts';
import { PACES } from '../../infra/ha/postgres.ts';
import { startHaStack } from '../../infra/ha/stack.ts';
import { loadKeyRing } from '../../services/app-server/src/keys/ring.ts';
import { seedUsers } from '../bench/seed.ts';
import { check } from './checker/check.ts';
import { dump } from './checker/dumps.ts';
import { readHistory } from './checker/read-history.ts';
import { clusterOf } from './cluster.ts';
import { Caller } from './driver/caller.ts';
import { CANARIES, peopleGetIn } from './driver/canaries.ts';
import { InboxCodes } from './driver/inbox-codes.ts';
import { arrivals, kindFor } from './driver/load.ts';
import { Logins } from './driver/logins.ts';
import { seededPerson } from './driver/seeded-person.ts';
import { FAULTS, type Fault } from './faults.ts';
import { History, INJECTED, LOAD_ENDED, type Login } from './history.ts';
import { makeMachines, whyNoMachines } from './machines/machines.ts';
import { observe } from './observer.ts';
import { rowOf, tableOf, type Row } from './report.ts';

const { values: options } = parseArgs({
  options: {
    short: { type: 'boolean', default: false },
    faults: { type: 'string' },
    rate: { type: 'string', default: '50' },
    pace: { type: 'string', default: 'fast' },
    users: { type: 'string', default: '20000' },
    write: { type: 'boolean', default: false },
    report: { type: 'string' },
  },
});
const RATE = Number(options.rate);
const USERS = Number(options.users);
const WRITES_PER_SECOND = 4;
const BEFORE_MS = 3000;
const OBSERVE_MS = 12_000;
/** How long the stack leaves a server that was killed away. */
const AWAY_MS = 5000;
/** With a ttl of 20 s, which current Patroni takes at the least. */
const CURRENT_WRITES_HEAL_MS = 25_000;
const pace = options.pace === 'current' ? PACES.current : PACES.fast;
const wanted = options.faults?.split(',').map((name) => name.trim());
const chosen = FAULTS.filter((fault) => (wanted ? wanted.includes(fault.name) : !options.short || fault.short));
if (chosen.length === 0) throw new Error(`No such fault. There are: ${FAULTS.map(({ name }) => name).join(', ')}`);

const say = (line: string) => process.stdout.write(`${line}\n`);
const asked = new AbortController();
for (const name of ['SIGINT', 'SIGTERM'] as const) process.on(name, () => asked.abort());

const environment = {
  COUNTERSIGN_DEV_DIR: process.env['COUNTERSIGN_DEV_DIR'] ?? join('.countersign', 'chaos'),
  COUNTERSIGN_DEV_FIRST_PORT: process.env['COUNTERSIGN_DEV_FIRST_PORT'] ?? '28100',
};
const oneMachine = haLayout(environment);
const noMachines = whyNoMachines();
if (noMachines !== undefined) say(`One machine for all, and only its processes break: ${noMachines}.`);
const keepers = [...oneMachine.nats, ...oneMachine.postgres].map(({ name }) => name);
const machines =
  noMachines === undefined ? await makeMachines(oneMachine.dir, keepers, oneMachine.ports.inbox) : undefined;
const layout = machines === undefined ? oneMachine : haLayout(environment, machines.site);
mkdirSync(layout.dir, { recursive: true });
const stack = await startHaStack({
  layout,
  // With machines the folder was emptied before its disks were put there.
  fresh: machines === undefined,
  pace,
  say,
  signal: asked.signal,
}).catch(async (error: unknown) => {
  await machines?.remove();
  throw error;
});
const clock = () => performance.now();
const { dev } = stack;
const secrets = readJson(join(layout.dir, 'secrets.json')) as { keyRing: string };
await seedUsers(dev.postgres.primary, loadKeyRing(secrets.keyRing), 0, USERS + CANARIES).catch(() =>
  seedUsers(dev.postgres.standby, loadKeyRing(secrets.keyRing), 0, USERS + CANARIES),
);
const cluster = clusterOf(dev, layout, machines);
const codes = new InboxCodes(dev.inbox);
const judged = new Map<string, number>();
const rows: Row[] = [];
const notJudged: string[] = [];
let nextLogin = 0;
let nextWrite = 0;

try {
  for (const fault of chosen) {
    if (asked.signal.aborted) break;
    say(`\n── ${fault.name}`);
    if (fault.needsMachines && machines === undefined) say(`left out: ${noMachines}`);
    else
      await tryFault(fault).then(
        (row) => rows.push(row),
        (error: unknown) => unjudged(fault, error),
      );
  }
} finally {
  codes.close();
  await stack.stop();
  await machines?.remove();
}
const table = tableOf(rows);
say(`\n${table}\n`);
const broken = rows.filter((row) => row.broken.length > 0);
for (const line of notJudged) say(line);
for (const row of broken) say(`${row.fault}:\n  ${row.broken.slice(0, 10).join('\n  ')}`);
if (options.write) write(table);
const failed = broken.length + notJudged.length;
const passed = rows.length - broken.length;
if (options.report === undefined) say(`${passed} passed, ${failed} failed`);
else writeFileSync(options.report, JSON.stringify({ passed, failed }));
process.exit(failed > 0 || rows.length === 0 || asked.signal.aborted ? 1 : 0);

async function tryFault(fault: Fault): Promise<Row> {
  await fault.prepare?.(cluster);
  await cluster.healthy();
  const file = join(layout.dir, `${fault.name.replaceAll(/\W+/g, '-')}.jsonl`);
  const history = new History(file);
  const caller = new Caller({
    balancers: dev.balancers ?? dev.sdkGateways,
    ca: readFileSync(dev.ca, 'utf8'),
    apiKey: dev.apiKey,
    history,
    clock,
  });
  const canaries = Array.from({ length: CANARIES }, (_, index) => seededPerson(USERS + index));
  if (!(await peopleGetIn(caller, canaries, clock))) say('   before it: people with TOTP still do not get in');
  const logins = new Logins({ caller, codes, history, clock, random: Math.random });
  const stopLogins = arrivals(RATE, clock, (_, dueAt) => {
    const login = nextLogin++;
    return logins.run(login, kindFor(Math.random()), seededPerson(login % USERS), dueAt);
  });
  const stopWrites = arrivals(WRITES_PER_SECOND, clock, () => writeUser(caller, history, nextWrite++));

  await sleep(BEFORE_MS);
  const injectedAt = clock();
  history.mark(INJECTED, injectedAt);
  const notInjected = await fault.inject(cluster).then(
    () => [],
    (error: unknown) => [error instanceof Error ? error.message : String(error)],
  );
  await sleep(fault.observeMs ?? OBSERVE_MS);
  await Promise.all([stopLogins(), stopWrites()]);
  history.mark(LOAD_ENDED, clock());
  await logins.settled();
  // What has not healed is judged by what there is; the next fault waits for it.
  const isWhole = await cluster.healthy().then(
    () => true,
    () => false,
  );

  const dumps = await dump({
    nats: await observe(dev),
    streams: ['AUTH_1', 'AUTH_2', 'AUTH_3'],
    postgres: [dev.postgres.primary, dev.postgres.standby],
    after: judged,
  });
  for (const [stream, end] of dumps.ends) judged.set(stream, end);
  await fault.restore?.(cluster);
  await Promise.all([caller.close(), history.close(clock())]);
  const seen = readHistory(readFileSync(file, 'utf8'));
  const verdict = check(seen, dumps);
  verdict.violations.push(...notInjected);
  if (!isWhole) verdict.violations.push('not everything ran again two minutes later');
  // Refused rather than risked; the first second may still have been decided before.
  if (fault.refusesAll) verdict.violations.push(...letInMeanwhile(seen.logins, injectedAt));
  const row = rowOf(promisedAt(fault), injectedAt, seen.logins, seen.writes, verdict);
  say(tableOf([row]).split('\n').at(-1) ?? '');
  for (const reason of row.broken.slice(0, 5)) say(`   ${reason}`);
  const reasons = Map.groupBy(
    seen.logins.filter(({ isIn }) => !isIn),
    ({ kind, reason }) => `${kind}: ${reason}`,
  );
  for (const [reason, { length }] of reasons) say(`   ${length} × ${reason}`);
  return row;
}

/** The promise of the pace that Patroni is set to. */
function promisedAt(fault: Fault): Fault {
  if (pace !== PACES.current || fault.expect.writesHealMs === undefined) return fault;
  return { ...fault, expect: { ...fault.expect, writesHealMs: CURRENT_WRITES_HEAL_MS } };
}

/** Nobody knows what it did, and that is a failure; the next one may still be tried. */
function unjudged({ name }: Fault, error: unknown): void {
  const line = `${name}: not judged: ${error instanceof Error ? error.message : String(error)}`;
  notJudged.push(line);
  say(line);
}

/** Engines are away for at least AWAY_MS; nobody may have been let in by a decision in the middle of that. */
function letInMeanwhile(all: readonly Login[], injectedAt: number): string[] {
  const [from, to] = [injectedAt + 1000, injectedAt + AWAY_MS];
  return all
    .filter(({ isIn, dueAt, ms }) => isIn && dueAt > from && dueAt + ms < to)
    .map(({ challengeId }) => `${challengeId} was let in without a majority of NATS`);
}

async function writeUser(caller: Caller, history: History, number: number): Promise<void> {
  history.begun({ what: 'write', number });
  const at = clock();
  const username = `chaos-${number}-${Date.now()}`;
  const { status, body } = await caller.once({ login: -1, what: 'admin' }, 'POST', '/v1/users', { username });
  const { userId } = body;
  const isDone = status === 201 && typeof userId === 'string';
  history.write({ number, at, ms: clock() - at, username, status, ...(isDone && { userId }) });
}

function write(text: string): void {
  const file = join(CHECKOUT, 'docs', 'resilience.md');
  const [begin, end] = ['<!-- table: npm run chaos -- --write -->', '<!-- end of table -->'];
  const page = readFileSync(file, 'utf8');
  const machine = `${cpus().length} × ${cpus()[0]?.model.trim() ?? 'CPU'}, Linux ${release()}, Node ${process.version}`;
  const [before, rest] = page.split(begin);
  const after = rest?.split(end)[1];
  if (before === undefined || after === undefined) throw new Error(`${file} has no place for the table`);
  const head = `${new Date().toISOString().slice(0, 10)}, ${machine}, ${RATE} logins/s, Patroni ttl ${pace.ttl} s.`;
  writeFileSync(file, `${before}${begin}\n\n${head}\n\n${text}\n\n${end}${after}`);
}
