/**
 * What a login over RADIUS costs, beside the bare path, FreeRADIUS and our edge alone, in one run on one machine; and whether a replica keeps
 * thousands of logins that wait for somebody. Prints a table; with `--write` it goes to docs/sizing.md. `--users 60000 --seconds 8 --callers 64
 * --held 2000` are the defaults. With `--profile FOLDER` services leave there what they spent their time on in a closed loop of TOTP logins
 * (`.cpuprofile`); their figures are worth less then.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { cpus, tmpdir, totalmem } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { jetstreamManager } from '@nats-io/jetstream';
import {
  authenticatorEnrol,
  DEFAULT_RADIUS_CLIENT,
  radiusClientCreate,
  type RadiusClientSettings,
} from '@countersign/contracts';
import { base32Encode } from '@countersign/otp';
import { freePort, startFreeRadius, startProcess, waitUntil } from '@countersign/testkit';
import { loadKeyRing } from '../../services/app-server/src/keys/ring.ts';
import type { Client } from '../client.ts';
import { HttpPhone } from '../phone.ts';
import { CHECKOUT, startStack } from '../stack.ts';
import { connectRoot, startBarePackets } from './bare.ts';
import { memoryOf, probeEnvironment } from './heap.ts';
import { costOf } from './process-cost.ts';
import type { HoldResult, LoginKind, RunOrder, RunResult } from './radius-callers.ts';
import { startCallers, type Callers } from './radius-load.ts';
import { seedLogins, seedPhones } from './seed-phones.ts';
import { seededUser, seedUsers } from './seed.ts';
import { writeSizing } from './sizing.ts';

const { values: options } = parseArgs({
  args: process.argv.slice(2).filter((argument) => argument !== '--'),
  allowPositionals: true,
  options: {
    users: { type: 'string', default: '60000' },
    seconds: { type: 'string', default: '8' },
    callers: { type: 'string', default: '64' },
    held: { type: 'string', default: '2000' },
    write: { type: 'boolean', default: false },
    profile: { type: 'string' },
  },
});
const USERS = Number(options.users);
const SECONDS = Number(options.seconds);
const CALLERS = Number(options.callers);
const HELD = Number(options.held);
/** From here on nobody has logged in before. */
const FIRST_NEWCOMER = Math.round(USERS * 0.85);
const ROUNDS = 3;
const ROUND_SECONDS = Math.min(SECONDS, 5);
/** Whom FreeRADIUS knows: it reads them into memory. */
const FREERADIUS_USERS = 10_000;
const APPROVED = Math.min(HELD / 10, 200);
const HOLD = { perSecond: 100, everyMs: 5000, timeoutSeconds: 60 };
/** Of a login that waits: what the server waits, and what the refusal of one that nobody approved takes. */
const HOLD_PATIENCE_MS = HOLD.timeoutSeconds * 1000 + 5000;
const SECRET = 'a-secret-of-the-bench';
const hasFreeRadius = existsSync('/usr/sbin/freeradius');

interface Row {
  what: string;
  result: RunResult;
  /** CPU ms per login, by process. */
  cpuMs: Record<string, number>;
}
type Named = [string, { pid: number }];

if (!process.env['BENCH_NO_BUILD']) build();
const heaps = mkdtempSync(join(tmpdir(), 'countersign-bench-'));
const probes = options.profile === undefined ? {} : probeEnvironment(heaps, options.profile);
const stack = await startStack({
  built: true,
  sdkGateways: 1,
  mobileServices: 1,
  radiusServers: 1,
  radiusServerEnvironment: probes,
  appServerEnvironment: probes,
  policy: {
    methods: { order: ['app', 'totp', 'sms'] },
    attempts: { free: 20, anywhere: { burst: 100, refillSeconds: 60 } },
  },
});
const ring = loadKeyRing(stack.keyRing);
const nats = await connectRoot(stack);
const ledgers = await jetstreamManager(nats);
const bare = await startBarePackets(stack, ledgers);
const [edge] = stack.radiusServers;
if (edge === undefined) throw new Error('a radius-server was asked for');
const port = edge.ports.authentication;
const rows: Row[] = [];
const ratios: number[] = [];
const closers: (() => Promise<unknown>)[] = [];
let nextUser = HELD;
let nextNewcomer = FIRST_NEWCOMER;
let held: HoldResult | undefined;
let packetsLost = Number.NaN;
try {
  const { url } = stack.postgres.primary;
  say('seeding', `${USERS} users`);
  await seedUsers(url, ring, 0, USERS);
  await seedPhones({ url, nats, applicationId: stack.application.applicationId }, HELD - APPROVED);
  await seedLogins({ nats, applicationId: stack.application.applicationId }, HELD, FIRST_NEWCOMER);
  const waits = { supportsChallenge: false, allowPlainApproval: true, timeoutSeconds: HOLD.timeoutSeconds, tries: 1 };
  await addClient('bench', '127.0.0.1');
  // One client may have half of the places of a replica.
  await addClient('one half of those that wait', '127.0.0.2', waits);
  await addClient('the other half', '127.0.0.3', waits);
  await stack.postgres.caughtUp();
  await projected();
  const callers = await callersFrom(['127.0.0.1']);

  say('warming', 'up');
  // Clients are known within seconds.
  await sleep(5000);
  await callers.run({ port, login: 'sms', pace: { callers: CALLERS }, seconds: 3, first: 0, users: HELD });
  await totp(callers, 'PAP and TOTP', { callers: CALLERS }, SECONDS);
  await bareRun(callers, ROUND_SECONDS);
  rows.length = 0;

  await profiled(() => totp(callers, 'PAP and TOTP, closed loop', { callers: CALLERS }, SECONDS));
  const rate = Math.max(10, Math.round(perSecond(rows.at(-1)) / 2));
  await totp(callers, `PAP and TOTP, ${rate} arrivals/s`, { perSecond: rate }, SECONDS);
  await newcomers(callers, 'PAP and TOTP, closed loop, first logins');
  await ours('PAP, Access-Challenge and SMS, closed loop', callers, {
    login: 'sms',
    pace: { callers: CALLERS },
    seconds: SECONDS,
    first: 0,
    users: FIRST_NEWCOMER,
  });
  // In turn, so that a machine whose speed drifts slows both.
  for (let round = 0; round < ROUNDS; round++) {
    const bareRow = await bareRun(callers, ROUND_SECONDS);
    const row = await totp(callers, 'PAP and TOTP, closed loop', { callers: CALLERS }, ROUND_SECONDS);
    ratios.push(perSecond(row) / perSecond(bareRow));
    rows.splice(-1, 0, bareRow);
  }
  const lostBefore = udpPacketsLost();
  held = await holdMany();
  packetsLost = udpPacketsLost() - lostBefore;

  await alone(callers, 'radius-server alone: socket and codec', {});
  await alone(callers, 'radius-server alone: all but app-server', { RADIUS_WHOLE: '1' });
  if (hasFreeRadius) await freeRadius(callers);

  const report = render();
  process.stdout.write(`\n${report}\n`);
  if (options.write) writeSizing('radius', report);
} finally {
  for (const close of closers) await close();
  for (const process of bare.processes) await process.kill();
  await nats.close();
  await stack.stop();
  rmSync(heaps, { recursive: true, force: true });
}

function build(): void {
  say('building', 'what production runs');
  const whole = ['app-server', 'sdk-gateway', 'radius-server'].map((name) => `--filter=@countersign/${name}`);
  // Of the service for phones not its pages: nobody asks for them here.
  const phones = 'mobile-app-web-service';
  execFileSync(
    'turbo',
    ['run', 'build', ...whole, `--filter=@countersign/${phones}^...`, '--output-logs=errors-only'],
    {
      stdio: ['ignore', 2, 2],
    },
  );
  execFileSync('tsc', ['-p', join(CHECKOUT, 'services', phones, 'tsconfig.json')], { stdio: ['ignore', 2, 2] });
}

/** Everything whose CPU a login costs; whoever sends the packets is not among it. */
function measured(): Named[] {
  const { appServers, radiusServers, postgres } = stack;
  return [
    ...[...radiusServers, ...appServers].map((replica): Named => [replica.name, replica]),
    ['nats', stack.nats],
    ['postgres-primary', postgres.primary],
    ['postgres-standby', postgres.standby],
    ['inbox', stack.inboxProcess],
  ];
}

/** Its users have typed their password elsewhere. */
async function addClient(name: string, address: string, changes: Partial<RadiusClientSettings> = {}): Promise<void> {
  const { applicationId } = stack.application;
  const settings: RadiusClientSettings = {
    ...DEFAULT_RADIUS_CLIENT,
    upstreamAttributes: [...DEFAULT_RADIUS_CLIENT.upstreamAttributes],
    networks: [address],
    applicationId,
    firstFactor: { by: 'none' },
    ...changes,
  };
  await stack.admin(radiusClientCreate, { name, settings, secret: SECRET });
}

async function callersFrom(addresses: string[]): Promise<Callers> {
  const { applicationId } = stack.application;
  const callers = await startCallers({ secret: SECRET, addresses, keyRing: stack.keyRing, applicationId });
  closers.push(() => callers.stop());
  return callers;
}

async function measure(what: string, processes: Named[], run: () => Promise<RunResult>): Promise<Row> {
  say('running', what);
  let result: RunResult | undefined;
  const { cpuMs } = await costOf(processes, async () => (result = await run()));
  if (result === undefined) throw new Error('nothing was run');
  if (result.failed > 0) say('failed', JSON.stringify(result.failures));
  return { what, result, cpuMs };
}

async function ours(what: string, callers: Callers, order: Omit<RunOrder, 'do' | 'port'>): Promise<Row> {
  await projected();
  const row = await measure(what, measured(), () => callers.run({ ...order, port }));
  rows.push(row);
  return row;
}

/** A code is good once, so each login is another user's. */
async function totp(callers: Callers, what: string, pace: RunOrder['pace'], seconds: number): Promise<Row> {
  const left = FIRST_NEWCOMER - nextUser;
  const row = await ours(what, callers, { login: 'code', pace, seconds, first: nextUser, users: left });
  nextUser += row.result.completed + row.result.failed;
  enough(nextUser, FIRST_NEWCOMER);
  return row;
}

/** The same of people who log in for the first time. */
async function newcomers(callers: Callers, what: string): Promise<void> {
  const row = await ours(what, callers, {
    login: 'code',
    pace: { callers: CALLERS },
    seconds: ROUND_SECONDS,
    first: nextNewcomer,
    users: USERS - nextNewcomer,
  });
  nextNewcomer += row.result.completed + row.result.failed;
  enough(nextNewcomer, USERS);
}

function enough(next: number, end: number): void {
  if (next >= end) throw new Error(`too few users for so many logins: give more than --users ${USERS}`);
}

function bareRun(callers: Callers, seconds: number): Promise<Row> {
  const processes = bare.processes.map((process): Named => [process.name, process]);
  const order = { port: bare.port, login: 'password', first: 0, users: USERS, unproven: true } as const;
  return measure('bare path: UDP, NATS request, read, append', [...processes, ['nats', stack.nats]], () =>
    callers.run({ ...order, pace: { callers: CALLERS }, seconds }),
  );
}

async function alone(callers: Callers, what: string, more: Record<string, string>): Promise<void> {
  const own = await freePort();
  const running = await startProcess({
    name: 'radius-server',
    command: process.execPath,
    args: [join(import.meta.dirname, 'radius-from-memory.ts')],
    env: { PATH: process.env['PATH'] ?? '', RADIUS_PORT: String(own), RADIUS_SECRET: SECRET, ...more },
    logFile: join(heaps, 'radius-from-memory.log'),
  });
  try {
    await flood(callers, what, 'password', own, running);
  } finally {
    await running.kill();
  }
}

async function freeRadius(callers: Callers): Promise<void> {
  const own = await freePort();
  const running = await startFreeRadius({
    dir: join(heaps, 'freeradius'),
    port: own,
    secret: SECRET,
    requireMessageAuthenticator: true,
    users: Array.from({ length: 2 * FREERADIUS_USERS }, (_, number) => {
      const { username, secret } = seededUser(number);
      const known = { username, password: 'opens nothing else' };
      return number < FREERADIUS_USERS ? known : { ...known, totpSecret: base32Encode(secret) };
    }),
    logFile: join(heaps, 'freeradius.log'),
  });
  try {
    await flood(callers, 'FreeRADIUS: PAP with a local user', 'password', own, running);
    await flood(callers, 'FreeRADIUS: PAP with rlm_totp', 'code', own, running, FREERADIUS_USERS);
  } finally {
    await running.kill();
  }
}

/** Warms up first: the first second of a program that compiles as it runs says little. */
async function flood(
  callers: Callers,
  what: string,
  login: LoginKind,
  at: number,
  running: { name: string; pid: number },
  first = 0,
): Promise<void> {
  const order = { port: at, login, pace: { callers: CALLERS }, first, users: FREERADIUS_USERS };
  await waitUntil(async () => (await callers.run({ ...order, seconds: 1 })).failed === 0, {
    timeoutMs: 30_000,
    what: `${what} to answer`,
  });
  rows.push(await measure(what, [[running.name, running]], () => callers.run({ ...order, seconds: ROUND_SECONDS })));
}

/** Logins of as many people wait at once; some approve, the others do not. */
async function holdMany(): Promise<HoldResult> {
  say('opening', `${HELD} logins that wait for an approval, of whom ${APPROVED} are approved`);
  const mobile = stack.mobiles[0]?.url ?? '';
  const phones: HttpPhone[] = [];
  for (let number = HELD - APPROVED; number < HELD; number++) {
    const { userId } = seededUser(number);
    const { uri = '' } = await stack.admin(authenticatorEnrol, { userId, type: 'app' });
    phones.push(await HttpPhone.activate(phoneFrom(`198.18.0.${number % 256}`), mobile, uri));
  }
  const callers = await callersFrom(['127.0.0.2', '127.0.0.3']);
  const result = callers.hold({ port, first: 0, users: HELD, ...HOLD, patienceMs: HOLD_PATIENCE_MS });
  await sleep((HELD / HOLD.perSecond) * 1000 + 2 * HOLD.everyMs);
  for (const phone of phones) {
    for (const prompt of await phone.poll(mobile)) await phone.answer(mobile, prompt, { decision: 'approve' });
  }
  return result;
}

/** As a balancer says where a phone is: one machine with all of them would have the share of one. */
function phoneFrom(address: string): Client {
  const { client } = stack;
  return {
    ...client,
    request: (gateway, method, path, more = {}) =>
      client.request(gateway, method, path, { ...more, headers: { ...more.headers, 'x-forwarded-for': address } }),
  };
}

/** What the system threw away of this machine's packets since it started, because nobody had read what came before. */
function udpPacketsLost(): number {
  const rows = readFileSync('/proc/net/snmp', 'latin1')
    .split('\n')
    .filter((row) => row.startsWith('Udp: '));
  const [names = [], values = []] = rows.map((row) => row.split(' '));
  return Number(values[names.indexOf('RcvbufErrors')] ?? Number.NaN);
}

async function profiled(run: () => Promise<unknown>): Promise<void> {
  const turnPage = async () => {
    if (options.profile === undefined) return;
    await Promise.all([...stack.radiusServers, ...stack.appServers].map((replica) => memoryOf(replica, heaps)));
  };
  await turnPage();
  await run();
  await turnPage();
}

/** What was measured before is in the audit, so that nobody pays for another's work. */
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

function perSecond(row: Row | undefined): number {
  return row === undefined ? Number.NaN : row.result.completed / row.result.seconds;
}

function total({ cpuMs }: Row): number {
  return Object.values(cpuMs).reduce((sum, value) => sum + value, 0);
}

function render(): string {
  const line = (row: Row) => {
    const { p50, p95, p99, failed, resent, cpuShare } = row.result;
    const parts = Object.entries(row.cpuMs)
      .filter(([, ms]) => ms >= 0.005)
      .map(([name, ms]) => `${name} ${ms.toFixed(2)}`);
    const times = [p50, p95, p99].map((ms) => ms.toFixed(1)).join(' / ');
    const cells = [row.what, perSecond(row).toFixed(0), times, total(row).toFixed(3), parts.join(', ')];
    return `| ${[...cells, cpuShare.toFixed(2), resent, failed].join(' | ')} |`;
  };
  const find = (what: string) => rows.find((row) => row.what.startsWith(what));
  const perCore = (what: string) => {
    const row = find(what);
    return row === undefined ? Number.NaN : 1000 / total(row);
  };
  const sorted = ratios.toSorted((a, b) => a - b);
  const half = rows.find(({ what }) => what.includes('arrivals/s'));
  const [socket, whole] = [perCore('radius-server alone: socket'), perCore('radius-server alone: all')];
  const [local, rlmTotp] = [perCore('FreeRADIUS: PAP with a local'), perCore('FreeRADIUS: PAP with rlm_totp')];
  const besideFreeRadius = hasFreeRadius
    ? `- **radius-server alone against FreeRADIUS**, packets for a second of CPU: ${socket.toFixed(0)} socket and codec, ${whole.toFixed(0)} all but app-server; FreeRADIUS ${local.toFixed(0)} with a local user, ${rlmTotp.toFixed(0)} with rlm_totp. ${(socket / local).toFixed(2)} and ${(whole / local).toFixed(2)} of the first (to reach: 0.33).`
    : '- **FreeRADIUS** is not on this machine, so nothing stands beside it here.';
  return `## Logins over RADIUS

Written by \`npm run bench -- radius --write\`.

- Machine: ${cpus().length} × ${cpus()[0]?.model ?? 'unknown'}, ${Math.round(totalmem() / 2 ** 30)} GB; everything on it, whoever sends the packets too.
- Node ${process.version}, ${USERS} users with TOTP and a phone number, 1 radius-server, 2 app-servers, 1 NATS server, 1 Postgres pair (fsync off).
- ${CALLERS} access servers' requests at a time in closed loop, over UDP, with Message-Authenticator, which is checked in every answer. The client has held the password itself: a login with TOTP is one request, one with SMS two.
- Beside it: the bare path answers one packet after one NATS request, one read and one conditional append; FreeRADIUS 3.2 with \`reject_delay\` 0; our edge without a bus.

| What | logins per second | p50 / p95 / p99 ms | CPU ms per login | by process | CPU of the sender | sent again | failed |
| --- | ---: | --- | ---: | --- | ---: | ---: | ---: |
${rows.map(line).join('\n')}

- **PAP and TOTP against the bare path**: ${sorted.map((ratio) => ratio.toFixed(2)).join(', ')}; median ${(sorted[Math.floor(sorted.length / 2)] ?? Number.NaN).toFixed(2)} (to reach: 0.50).
- **p99 at half load**: ${half?.result.p99.toFixed(1)} ms (to reach: under 20).
${besideFreeRadius}
- **${held?.opened} logins that waited** at one replica for an approval, each sent again every ${HOLD.everyMs / 1000} s: ${held?.packets} packets, of which the system lost ${packetsLost}; ${held?.accepted} accepted (of ${APPROVED} that were approved), ${held?.rejected} refused when their time was over, ${held?.unanswered} without an answer, ${held?.answeredTwice} answered twice.
`;
}

function say(what: string, detail: string): void {
  process.stderr.write(`${new Date().toISOString().slice(11, 19)} ${what} ${detail}\n`);
}
