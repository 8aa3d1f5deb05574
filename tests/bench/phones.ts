/**
 * What phones cost that wait for a login: memory of each, CPU of each poll, and how soon a login that begins is shown. One
 * mobile-app-web-service has all of them. Beside them, in the same run, the bare path and challenge.get. Prints a table; with `--write` it goes
 * to docs/sizing.md. `--phones 20000 --seconds 25 --rate 100 --wait 25` are the defaults; a shorter wait makes few phones ask as often as many.
 * With `--profile FOLDER` services leave there what they spent their time on (`.cpuprofile`); their figures are worth less then.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { cpus, tmpdir, totalmem } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { jetstreamManager } from '@nats-io/jetstream';
import { freePort, startProcess, waitUntil } from '@countersign/testkit';
import { loadKeyRing } from '../../services/app-server/src/keys/ring.ts';
import { CHECKOUT, startStack } from '../stack.ts';
import { connectRoot } from './bare.ts';
import { memoryOf, probeEnvironment, type Memory } from './heap.ts';
import { startHerd, type Herd } from './herd.ts';
import { Latencies } from './latencies.ts';
import { arrivals, type LoadOutcome } from './load.ts';
import { costOf } from './process-cost.ts';
import { seedPhones } from './seed-phones.ts';
import { seededUser, seedUsers } from './seed.ts';
import { writeSizing } from './sizing.ts';

const { values: options } = parseArgs({
  args: process.argv.slice(2).filter((argument) => argument !== '--'),
  allowPositionals: true,
  options: {
    phones: { type: 'string', default: '20000' },
    seconds: { type: 'string', default: '25' },
    rate: { type: 'string', default: '100' },
    wait: { type: 'string', default: '25' },
    write: { type: 'boolean', default: false },
    profile: { type: 'string' },
  },
});
const PHONES = Number(options.phones);
const SECONDS = Number(options.seconds);
const STARTS_PER_SECOND = Number(options.rate);
const WAIT_SECONDS = Number(options.wait);
const REST_SECONDS = 10;
const LATE_MS = 30_000;
const CONNECTED_PER_SECOND = 200;
/** Enough to tell what one costs, and the machine is not kept busy for as long again. */
const BARE_PHONES = Math.min(PHONES, 4000);
const WARM_PHONES = Math.min(PHONES, 50);
/** Besides its phones a process opens files. */
const FILES_BESIDE = 200;
const CHALLENGES_TO_GET = 100;

interface Row {
  what: string;
  perSecond: number;
  failed: number;
  /** CPU ms per unit, by process. */
  cpuMs: Record<string, number>;
  latencies?: Latencies;
}
/** CPU seconds per second, by process, while nobody asks for anything. */
let atRest: Record<string, number> = {};

interface Growth {
  what: string;
  /** KB for each phone that waits. */
  resident: number;
  heap: number;
  external: number;
}

const filesAllowed = Number(execFileSync('sh', ['-c', 'ulimit -Hn | sed s/unlimited/1e9/'], { encoding: 'utf8' }));
if (PHONES + FILES_BESIDE > filesAllowed) {
  throw new Error(
    `A process may open ${filesAllowed} files here: raise it (ulimit -n), or give --phones ${filesAllowed - FILES_BESIDE}.`,
  );
}
say('building', 'what production runs');
// Of the service for phones not its pages: nobody asks for them here.
const service = '@countersign/mobile-app-web-service';
const built = ['app-server', 'sdk-gateway'].map((name) => `--filter=@countersign/${name}`);
if (!process.env['BENCH_NO_BUILD'])
  execFileSync('turbo', ['run', 'build', ...built, `--filter=${service}^...`, '--output-logs=errors-only'], {
    stdio: ['ignore', 2, 2],
  });
if (!process.env['BENCH_NO_BUILD'])
  execFileSync('tsc', ['-p', join(CHECKOUT, 'services/mobile-app-web-service/tsconfig.json')], {
    stdio: ['ignore', 2, 2],
  });

const heaps = mkdtempSync(join(tmpdir(), 'countersign-bench-'));
const stack = await startStack({
  built: true,
  sdkGateways: 1,
  mobileServices: 1,
  policy: { methods: { order: ['app', 'totp'] } },
  mobileServiceEnvironment: probeEnvironment(heaps, options.profile),
  appServerEnvironment: probeEnvironment(heaps, options.profile),
});
const nats = await connectRoot(stack);
const ledgers = await jetstreamManager(nats);
const [gateway] = stack.gateways;
const [edge] = stack.mobiles;
if (gateway === undefined || edge === undefined) throw new Error('a gateway and a service for phones were asked for');
const authority = new URL(stack.deviceUrl).host;
const herds: Herd[] = [];
const rows: Row[] = [];
const growths: Growth[] = [];
let delivered = new Latencies();
let undelivered = 0;
/** Shown, and so late that whoever waits has given up. */
let late = 0;
let waitedFor = 0;
try {
  say('seeding', `${PHONES} users with a phone each`);
  const { url } = stack.postgres.primary;
  await seedUsers(url, loadKeyRing(stack.keyRing), 0, PHONES);
  await seedPhones({ url, nats, applicationId: stack.application.applicationId }, PHONES);
  await stack.postgres.caughtUp();
  await projected();

  // Warms up what both need, and is not shown.
  const warm = herdOf(edge.url);
  await warm.join(WARM_PHONES, CONNECTED_PER_SECOND);
  await getsOfChallenges(3);
  await warm.stop();
  atRest = await rest();
  rows.push(await getsOfChallenges(10));

  const before = await memories();
  const herd = herdOf(edge.url);
  say('connecting', `${PHONES} phones, ${CONNECTED_PER_SECOND} a second`);
  await herd.join(PHONES, CONNECTED_PER_SECOND);
  waitedFor = await allWait(herd, PHONES);
  rows.push(await polls('poll, of phones that nothing happens to', herd));
  growths.push(...grown(before, await memories(), (await herd.count()).waiting));
  rows.push(...(await logins(herd)));
  await herd.stop();

  rows.push(await bare('bare path: HTTPS that holds each request', true));
  rows.push(await bare('bare path: the same without TLS', false));

  const report = render(refusals());
  process.stdout.write(`\n${report}\n`);
  if (options.write) writeSizing('phones', report);
} finally {
  for (const herd of herds) await herd.stop();
  await nats.close();
  await stack.stop();
  rmSync(heaps, { recursive: true, force: true });
}

type Named = [string, { pid: number }];

/** Everything whose CPU a poll costs; the phones are not among it. */
function measured(): Named[] {
  const { appServers, mobiles, gateways, postgres } = stack;
  return [
    ...[...mobiles, ...gateways, ...appServers].map((replica): Named => [replica.name, replica]),
    ['nats', stack.nats],
    ['postgres-primary', postgres.primary],
    ['postgres-standby', postgres.standby],
  ];
}

function herdOf(url: string, ca = stack.authority.certificatePem): Herd {
  const herd = startHerd({ port: Number(new URL(url).port), authority, ca, waitSeconds: WAIT_SECONDS });
  herds.push(herd);
  return herd;
}

/** @returns how many do: a machine that cannot keep up has phones that try again later. */
async function allWait(herd: Herd, phones: number): Promise<number> {
  // So that each has come back at least once, and what the first polls left is gone.
  await sleep(WAIT_SECONDS * 1000);
  const waiting = async () => (await herd.count()).waiting;
  await waitUntil(async () => (await waiting()) > phones * 0.98, {
    timeoutMs: 60_000,
    everyMs: 500,
    what: 'all phones to wait',
  }).catch((error: unknown) => say('failed', String(error)));
  return waiting();
}

/** Answers that the phones of a herd get while time goes by. */
async function answersOf(herd: Herd, work: () => Promise<unknown>): Promise<LoadOutcome> {
  const before = await herd.count();
  const startedAt = performance.now();
  await work();
  const after = await herd.count();
  const failures = Object.fromEntries(
    Object.entries(after.failures).flatMap(([reason, count]) => {
      const more = count - (before.failures[reason] ?? 0);
      return more > 0 ? [[reason, more]] : [];
    }),
  );
  return {
    completed: after.answered - before.answered,
    failed: Object.values(failures).reduce((sum, count) => sum + count, 0),
    failures,
    seconds: (performance.now() - startedAt) / 1000,
  };
}

/** What processes do by themselves, which no poll pays for. */
async function rest(): Promise<Record<string, number>> {
  say('running', 'nothing');
  const { cpuMs } = await costOf(measured(), async () => {
    await sleep(REST_SECONDS * 1000);
    return { completed: REST_SECONDS, failed: 0, failures: {}, seconds: REST_SECONDS };
  });
  return Object.fromEntries(Object.entries(cpuMs).map(([name, ms]) => [name, ms / 1000]));
}

async function polls(what: string, herd: Herd, processes = measured()): Promise<Row> {
  return withCost(what, processes, () => answersOf(herd, () => sleep(SECONDS * 1000)));
}

/** Logins that begin, for somebody else each; and the polls of everybody meanwhile. */
async function logins(herd: Herd): Promise<Row[]> {
  const startedAt = new Map<string, number>();
  await herd.deliveries();
  let starts: LoadOutcome | undefined;
  const polled = await withCost(`the same and ${STARTS_PER_SECOND} logins/s`, measured(), () =>
    answersOf(herd, async () => {
      starts = await arrivals(STARTS_PER_SECOND, SECONDS, async (number) => {
        const at = now();
        startedAt.set(await started((number * 7919) % PHONES, 'app'), at);
      });
    }),
  );
  const shown = new Map<string, number>();
  await waitUntil(
    async () => {
      for (const [challengeId, at] of await herd.deliveries()) shown.set(challengeId, at);
      return [...startedAt.keys()].every((challengeId) => shown.has(challengeId));
    },
    { timeoutMs: 30_000, everyMs: 500, what: 'all prompts to be shown' },
  ).catch((error: unknown) => say('failed', String(error)));
  delivered = new Latencies();
  for (const [challengeId, at] of startedAt) {
    const shownAt = shown.get(challengeId);
    if (shownAt === undefined) {
      undelivered += 1;
      continue;
    }
    delivered.add(shownAt - at);
    if (shownAt - at > LATE_MS) late += 1;
  }
  const { completed = 0, failed = 0, failures = {}, seconds = 1 } = starts ?? {};
  if (failed > 0) say('failed', JSON.stringify(failures));
  return [
    polled,
    { what: 'logins that began meanwhile', perSecond: completed / seconds, failed, cpuMs: {}, latencies: delivered },
  ];
}

/** The clock of the phones. */
function now(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}

async function started(number: number, method: 'app' | 'totp'): Promise<string> {
  const answer = await stack.client.start(gateway?.url ?? '', { username: seededUser(number).username, method });
  if (answer.status !== 201) throw new Error(`start ${answer.status} ${String(answer.body.code)}`);
  return answer.body.challengeId ?? '';
}

/** As many a second as there are polls, since one that is alone costs more than one among many. */
async function getsOfChallenges(seconds: number): Promise<Row> {
  const challenges = await Promise.all(
    Array.from({ length: Math.min(CHALLENGES_TO_GET, PHONES) }, (_, number) => started(number, 'totp')),
  );
  const latencies = new Latencies();
  const row = await withCost('challenge.get, as often', measured(), () =>
    arrivals(PHONES / WAIT_SECONDS, seconds, async (number) => {
      const answer = await stack.client.get(gateway?.url ?? '', challenges[number % challenges.length] ?? '');
      if (answer.status !== 200) throw new Error(`get ${answer.status} ${String(answer.body.code)}`);
      latencies.add(answer.ms);
    }),
  );
  return { ...row, latencies };
}

async function bare(what: string, hasTls: boolean): Promise<Row> {
  const port = await freePort();
  const holder = await startProcess({
    name: 'bare-holder',
    command: process.execPath,
    args: [join(import.meta.dirname, 'bare-holder.ts')],
    env: {
      ...probeEnvironment(heaps),
      PORT: String(port),
      HOLD_SECONDS: String(WAIT_SECONDS),
      ...(hasTls && { TLS_CERT_FILE: join(stack.dir, 'gateway.pem'), TLS_KEY_FILE: join(stack.dir, 'gateway.key') }),
    },
  });
  try {
    const ca = hasTls ? stack.authority.certificatePem : '';
    const url = `https://127.0.0.1:${port}`;
    const warm = herdOf(url, ca);
    await warm.join(WARM_PHONES, CONNECTED_PER_SECOND);
    await sleep(1000);
    await warm.stop();
    const before = await memoryOf(holder, heaps);
    const herd = herdOf(url, ca);
    await herd.join(BARE_PHONES, CONNECTED_PER_SECOND);
    await allWait(herd, BARE_PHONES);
    const row = await polls(what, herd, [['bare-holder', holder]]);
    growths.push(growthOf(what, [before], [await memoryOf(holder, heaps)], BARE_PHONES));
    await herd.stop();
    return row;
  } finally {
    await holder.kill();
  }
}

async function withCost(what: string, processes: Named[], run: () => Promise<LoadOutcome>): Promise<Row> {
  say('running', what);
  const { outcome, cpuMs } = await costOf(processes, run);
  if (outcome.failed > 0) say('failed', JSON.stringify(outcome.failures));
  return { what, perSecond: outcome.completed / outcome.seconds, failed: outcome.failed, cpuMs };
}

async function memories(): Promise<{ edge: Memory[]; appServers: Memory[] }> {
  const of = (replicas: readonly { pid: number }[]) => Promise.all(replicas.map((replica) => memoryOf(replica, heaps)));
  return { edge: await of(stack.mobiles), appServers: await of(stack.appServers) };
}

function grown(before: Awaited<ReturnType<typeof memories>>, after: typeof before, phones: number): Growth[] {
  return [
    growthOf('mobile-app-web-service', before.edge, after.edge, phones),
    growthOf('app-server, both', before.appServers, after.appServers, phones),
  ];
}

function growthOf(what: string, before: readonly Memory[], after: readonly Memory[], phones: number): Growth {
  const of = (part: keyof Memory) => {
    const sum = (memories: readonly Memory[]) => memories.reduce((total, memory) => total + memory[part], 0);
    return (sum(after) - sum(before)) / 1024 / phones;
  };
  return { what, resident: of('resident'), heap: of('heap'), external: of('external') };
}

/** What was written before is in the audit, so that nobody pays for it later. */
async function projected(): Promise<void> {
  const { state } = await ledgers.streams.info('AUTH');
  await waitUntil(
    async () => {
      const [row] = await stack.sql<{ sequence: string }>(
        `select sequence from projection_checkpoint where stream = 'AUTH' order by stream_created desc limit 1`,
      );
      return Number(row?.sequence ?? 0) >= state.last_seq;
    },
    { timeoutMs: 300_000, what: 'the audit to catch up' },
  );
}

/** Why something was refused, as the replicas say, and how often. */
function refusals(): string {
  const found = new Map<string, number>();
  for (const { logFile } of [...stack.mobiles, ...stack.gateways, ...stack.appServers]) {
    for (const line of readFileSync(logFile, 'utf8').split('\n')) {
      const [, reason] = /"reason":"([^"]+)"/.exec(line) ?? [];
      if (reason === undefined) continue;
      const [, what = ''] = /"event":"([^"]+)"/.exec(line) ?? [];
      // An edge repeats what app-server said.
      if (what !== 'http.request') found.set(`${what}: ${reason}`, (found.get(`${what}: ${reason}`) ?? 0) + 1);
    }
  }
  return found.size === 0 ? 'nothing' : [...found].map(([reason, count]) => `${reason} ${count}`).join(', ');
}

function render(refused: string): string {
  const total = ({ cpuMs }: Row) => Object.values(cpuMs).reduce((sum, value) => sum + value, 0);
  const parts = ({ cpuMs, perSecond }: Row) =>
    Object.entries(cpuMs)
      .filter(([, ms]) => ms >= 0.005)
      .map(([name, ms]) => `${name} ${ms.toFixed(2)} (${((ms * perSecond) / 1000).toFixed(2)})`)
      .join(', ');
  const times = ({ latencies }: Row) => {
    if (latencies === undefined) return '–';
    const { p50, p99 } = latencies.summary();
    return `${p50.toFixed(1)} / ${p99.toFixed(1)}`;
  };
  const line = (row: Row) =>
    `| ${row.what} | ${row.perSecond.toFixed(0)} | ${times(row)} | ${total(row) === 0 ? '–' : total(row).toFixed(2)} | ${parts(row)} | ${row.failed} |`;
  const [get, poll, busy, begun] = rows;
  const held = rows.at(-2);
  const [edgeGrowth, , withTls, plain] = growths;
  const ratio = (one: number | undefined, other: number | undefined) =>
    ((one ?? Number.NaN) / (other ?? Number.NaN)).toFixed(2);
  const ofEdge = poll?.cpuMs['mobile-app-web-service'];
  const restMs = Object.values(atRest).reduce((sum, value) => sum + value * 1000, 0);
  /** Of what was spent in a second, the part that is none of what goes on at rest. */
  const spentMs = (row: Row | undefined) => (row === undefined ? Number.NaN : total(row) * row.perSecond - restMs);
  const pollMs = spentMs(poll) / (poll?.perSecond ?? Number.NaN);
  const loginMs = (spentMs(busy) - pollMs * (busy?.perSecond ?? Number.NaN)) / (begun?.perSecond ?? Number.NaN);
  return `## Phones that wait

Written by \`npm run bench -- phones --write\`.

- Machine: ${cpus().length} × ${cpus()[0]?.model ?? 'unknown'}, ${Math.round(totalmem() / 2 ** 30)} GB; everything on it, the phones too.
- Node ${process.version}, ${PHONES} phones that each keep an HTTPS connection and poll with \`wait\` ${WAIT_SECONDS}, 1 mobile-app-web-service, 2 app-servers, 1 sdk-gateway, 1 NATS server, 1 Postgres pair (fsync off).
- ${SECONDS} s each, after all phones wait. CPU in brackets: seconds of it per second. Time of a login: from the request of the application until the phone has read the prompt.
- Of the phones ${waitedFor} waited when it began; the others were between two polls, or to try again.
- The bare path: ${BARE_PHONES} phones whose requests a server of Node's holds for ${WAIT_SECONDS} s, and answers from memory.

| What | per second | p50 / p99 ms | CPU ms per unit | by process | failed |
| --- | ---: | --- | ---: | --- | ---: |
${rows.map(line).join('\n')}

| Memory per waiting phone, KB | resident | heap after a collection | outside the heap |
| --- | ---: | ---: | ---: |
${growths.map(({ what, resident, heap, external }) => `| ${what} | ${resident.toFixed(1)} | ${heap.toFixed(1)} | ${external.toFixed(1)} |`).join('\n')}

- **A poll costs** ${pollMs.toFixed(2)} ms of CPU in all (to reach: under 1), and a login that a phone is shown ${loginMs.toFixed(2)} ms more. What the processes spend at rest is not among it: ${(restMs / 1000).toFixed(2)} s per second (${Object.entries(
    atRest,
  )
    .map(([name, seconds]) => `${name} ${seconds.toFixed(3)}`)
    .join(', ')}).
- **Cost of a poll against a challenge.get**: ${ratio(poll && total(poll), get && total(get))}.
- **Cost of a poll at mobile-app-web-service against the bare path**: ${ratio(ofEdge, held && total(held))}.
- **Memory of a waiting phone at mobile-app-web-service**, heap and buffers after a collection: ${edgeGrowth ? (edgeGrowth.heap + edgeGrowth.external).toFixed(1) : '–'} KB (to reach: under 20). TLS is what the bare path has more with it, ${withTls && plain ? (withTls.resident - plain.resident).toFixed(1) : '–'} KB; resident without that: ${edgeGrowth && withTls && plain ? (edgeGrowth.resident - withTls.resident + plain.resident).toFixed(1) : '–'} KB.
- **Refused** by app-servers, all runs together: ${refused}.
- **A login is shown**: p99 after ${delivered.summary().p99.toFixed(0)} ms (to reach: under 500); of ${delivered.count + undelivered} that began ${late} later than 30 s, ${undelivered} not at all while the bench waited.
`;
}

function say(what: string, detail: string): void {
  process.stderr.write(`${new Date().toISOString().slice(11, 19)} ${what} ${detail}\n`);
}
