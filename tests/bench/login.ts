/**
 * What a login costs, and how near it comes to the bare path, in one run on one machine. Prints a table; with
 * `--write` it goes to docs/sizing.md. `--users 100000 --seconds 8` are the defaults.
 */
import { execFileSync } from 'node:child_process';
import { cpus, totalmem } from 'node:os';
import { parseArgs } from 'node:util';
import { jetstreamManager } from '@nats-io/jetstream';
import { totpCode, totpStep } from '@countersign/otp';
import { waitUntil } from '@countersign/testkit';
import { codeFor } from '../../services/app-server/src/challenge/code.ts';
import { loadKeyRing } from '../../services/app-server/src/keys/ring.ts';
import { startStack } from '../stack.ts';
import { connectRoot, startBare } from './bare.ts';
import { Latencies } from './latencies.ts';
import { arrivals, closedLoop, type LoadOutcome } from './load.ts';
import { costOf, residentMegabytes } from './process-cost.ts';
import { seededUser, seedUsers, type SeededUser } from './seed.ts';
import { writeSizing } from './sizing.ts';

const { values: options } = parseArgs({
  args: process.argv.slice(2).filter((argument) => argument !== '--'),
  options: {
    users: { type: 'string', default: '100000' },
    seconds: { type: 'string', default: '8' },
    callers: { type: 'string', default: '64' },
    write: { type: 'boolean', default: false },
  },
});
const USERS = Number(options.users);
const SECONDS = Number(options.seconds);
const CALLERS = Number(options.callers);
const FEW_USERS = 1000;
const TOTP = { algorithm: 'SHA1', digits: 6, periodSeconds: 30 } as const;

interface Row {
  what: string;
  perSecond: number;
  failed: number;
  start?: Latencies;
  verify?: Latencies;
  /** CPU ms per unit of work, by process. */
  cpuMs: Record<string, number>;
}

say('building', 'what production runs');
execFileSync('turbo', ['run', 'build', '--output-logs=errors-only'], { stdio: ['ignore', 2, 2] });
const stack = await startStack({
  built: true,
  policy: { attempts: { free: 20, anywhere: { burst: 100, refillSeconds: 60 } } },
});
const ring = loadKeyRing(stack.keyRing);
const nats = await connectRoot(stack);
const ledgers = await jetstreamManager(nats);
const bare = await startBare(stack, ledgers);
const rows: Row[] = [];
const ratios: number[] = [];
let nextUser = 0;
let nextBare = 0;
try {
  const idle = Object.fromEntries(measured().map(([name, process]) => [name, residentMegabytes(process.pid)]));
  say('seeding', `${FEW_USERS} users`);
  await seedUsers(stack.postgres.primary.url, ring, 0, FEW_USERS);
  await stack.postgres.caughtUp();
  await warmUp();
  await projected();
  rows.push(await smsLogins(`SMS login, closed loop, ${FEW_USERS} users`, FEW_USERS));

  say('seeding', `${USERS} users`);
  await seedUsers(stack.postgres.primary.url, ring, FEW_USERS, USERS);
  await stack.postgres.caughtUp();
  await projected();
  rows.push(await smsLogins(`SMS login, closed loop, ${USERS} users`, USERS));
  rows.push(await totpLogins(`TOTP login, closed loop, ${USERS} users`, (step) => closedLoop(CALLERS, SECONDS, step)));
  const rate = Math.max(10, Math.round((rows.at(-1)?.perSecond ?? 100) / 2));
  rows.push(await totpLogins(`TOTP login, ${rate} arrivals/s`, (step) => arrivals(rate, SECONDS, step)));

  // In turn, so that a machine whose speed drifts slows both.
  for (let round = 0; round < 3; round++) {
    await projected();
    const bareRow = await bareRequests();
    const verifyRow = await verifiesAlone();
    ratios.push(verifyRow.perSecond / bareRow.perSecond);
    rows.push(bareRow, verifyRow);
  }
  const report = render(idle);
  process.stdout.write(`\n${report}\n`);
  if (options.write) writeSizing('login', report);
} finally {
  for (const process of bare.processes) await process.kill();
  await nats.close();
  await stack.stop();
}

/** Everything whose CPU a login costs; the load generator itself is not among it. */
function measured(): [string, { pid: number }][] {
  const { appServers, gateways, nats, postgres, inboxProcess } = stack;
  return [
    ...gateways.map((process): [string, { pid: number }] => [process.name, process]),
    ...appServers.map((process): [string, { pid: number }] => [process.name, process]),
    ['nats', nats],
    ['postgres-primary', postgres.primary],
    ['postgres-standby', postgres.standby],
    ['inbox', inboxProcess],
  ];
}

async function withCost(
  what: string,
  processes: [string, { pid: number }][],
  run: () => Promise<LoadOutcome>,
): Promise<Row> {
  say('running', what);
  const { outcome, cpuMs } = await costOf(processes, run);
  if (outcome.failed > 0) say('failed', JSON.stringify(outcome.failures));
  return { what, perSecond: outcome.completed / outcome.seconds, failed: outcome.failed, cpuMs };
}

function gateway(number: number): string {
  return stack.gateways[number % stack.gateways.length]?.url ?? '';
}

async function started(number: number, user: SeededUser, method: 'sms' | 'totp', latency?: Latencies): Promise<string> {
  const answer = await stack.client.start(gateway(number), { username: user.username, method });
  if (answer.status !== 201) throw new Error(`start ${answer.status} ${String(answer.body.code)}`);
  latency?.add(answer.ms);
  return answer.body.challengeId ?? '';
}

async function verified(number: number, challengeId: string, code: string, latency?: Latencies): Promise<void> {
  // The other gateway than the one that started it.
  const answer = await stack.client.verify(gateway(number + 1), challengeId, code);
  if (answer.status !== 200) throw new Error(`verify ${answer.status} ${String(answer.body.code)}`);
  latency?.add(answer.ms);
}

function currentCode({ secret }: SeededUser): string {
  const parameters = { ...TOTP, secret };
  return totpCode(parameters, totpStep(Date.now(), TOTP.periodSeconds));
}

async function warmUp(): Promise<void> {
  say('warming', 'up');
  await closedLoop(CALLERS, 3, async (number) => {
    const challengeId = await started(number, seededUser(number % FEW_USERS), 'sms');
    await verified(number, challengeId, codeFor(ring, challengeId, 1, 6));
  });
}

async function smsLogins(what: string, users: number): Promise<Row> {
  const [start, verify] = [new Latencies(), new Latencies()];
  const row = await withCost(what, measured(), () =>
    closedLoop(CALLERS, SECONDS, async (number) => {
      const challengeId = await started(number, seededUser((number * 7919) % users), 'sms', start);
      await verified(number, challengeId, codeFor(ring, challengeId, 1, 6), verify);
    }),
  );
  return { ...row, start, verify };
}

/** A TOTP code is good once, so each login is another user's. */
async function totpLogins(
  what: string,
  drive: (step: (number: number) => Promise<void>) => Promise<LoadOutcome>,
): Promise<Row> {
  const [start, verify] = [new Latencies(), new Latencies()];
  const row = await withCost(what, measured(), () =>
    drive(async (number) => {
      const user = seededUser(nextUser++);
      const challengeId = await started(number, user, 'totp', start);
      await verified(number, challengeId, currentCode(user), verify);
    }),
  );
  return { ...row, start, verify };
}

/** Verifies only, of challenges that were started before the clock runs. */
async function verifiesAlone(): Promise<Row> {
  const first = nextUser;
  const ready: { user: SeededUser; challengeId: string }[] = [];
  nextUser += CALLERS * 80;
  await Promise.all(
    Array.from({ length: CALLERS }, async (_, caller) => {
      for (let index = 0; index < 80; index++) {
        const user = seededUser(first + caller * 80 + index);
        ready.push({ user, challengeId: await started(index, user, 'totp') });
      }
    }),
  );
  await projected();
  const verify = new Latencies();
  const row = await withCost('verify alone, closed loop', measured(), async () => {
    const startedAt = performance.now();
    let completed = 0;
    await Promise.all(
      Array.from({ length: CALLERS }, async (_, caller) => {
        for (let next = ready.pop(); next !== undefined; next = ready.pop()) {
          await verified(caller, next.challengeId, currentCode(next.user), verify);
          completed++;
        }
      }),
    );
    return { completed, failed: 0, failures: {}, seconds: (performance.now() - startedAt) / 1000 };
  });
  return { ...row, verify };
}

async function bareRequests(): Promise<Row> {
  const verify = new Latencies();
  const processes = bare.processes.map((process): [string, { pid: number }] => [process.name, process]);
  const row = await withCost('bare path, closed loop', [...processes, ['nats', stack.nats]], () =>
    closedLoop(CALLERS, Math.min(SECONDS, 4), async (number) => {
      const url = bare.urls[number % bare.urls.length] ?? '';
      const answer = await stack.client.request(url, 'POST', `/bare/${nextBare++}`, { body: { code: '123456' } });
      if (answer.status !== 200) throw new Error(`bare ${answer.status}`);
      verify.add(answer.ms);
    }),
  );
  return { ...row, verify };
}

/** What was measured before is in the audit, so that nobody pays for another's work. */
async function projected(): Promise<void> {
  const { state } = await ledgers.streams.info('AUTH');
  const sequence = async () => {
    const [row] = await stack.sql<{ sequence: string }>(
      `select sequence from projection_checkpoint where stream = 'AUTH' order by stream_created desc limit 1`,
    );
    return Number(row?.sequence ?? 0);
  };
  await waitUntil(async () => (await sequence()) >= state.last_seq, {
    timeoutMs: 120_000,
    what: 'the audit to catch up',
  });
}

function render(idle: Record<string, number>): string {
  const ms = (value: number | undefined) => (value === undefined || Number.isNaN(value) ? '–' : value.toFixed(1));
  const times = (latencies: Latencies | undefined) => {
    const { p50, p95, p99 } = latencies?.summary() ?? {};
    return latencies === undefined ? '–' : `${ms(p50)} / ${ms(p95)} / ${ms(p99)}`;
  };
  const cost = ({ cpuMs }: Row) =>
    Object.entries(cpuMs)
      .map(([name, value]) => `${name} ${value.toFixed(2)}`)
      .join(', ');
  const total = ({ cpuMs }: Row) => Object.values(cpuMs).reduce((sum, value) => sum + value, 0);
  const sorted = ratios.toSorted((a, b) => a - b);
  const few = rows[0];
  const many = rows[1];
  return `# Sizing

Written by \`npm run bench -- --write\`. Repeat it on your machine: the ratios travel, the absolute figures do not.

- Machine: ${cpus().length} × ${cpus()[0]?.model ?? 'unknown'}, ${Math.round(totalmem() / 2 ** 30)} GB; everything on it, the load generator too.
- Node ${process.version}, ${USERS} users with TOTP and a phone, 2 gateways, 2 app-servers, 1 NATS server, 1 Postgres pair (fsync off).
- ${CALLERS} callers in closed loop; a login is start on one gateway and verify on the other.

| What | per second | start p50 / p95 / p99 ms | verify p50 / p95 / p99 ms | CPU ms per unit | by process | failed |
| --- | ---: | --- | --- | ---: | --- | ---: |
${rows.map((row) => `| ${row.what} | ${row.perSecond.toFixed(0)} | ${times(row.start)} | ${times(row.verify)} | ${total(row).toFixed(2)} | ${cost(row)} | ${row.failed} |`).join('\n')}

- **Verify against the bare path**: ${sorted.map((ratio) => ratio.toFixed(2)).join(', ')}; median ${(sorted[1] ?? 0).toFixed(2)} (to reach: 0.50).
- **Cost of an SMS login with ${USERS} users against ${FEW_USERS}**: ${few && many ? (total(many) / total(few)).toFixed(2) : '–'} (to reach: no higher).
- **Resident memory, idle**: ${Object.entries(idle)
    .map(([name, value]) => `${name} ${value.toFixed(0)} MB`)
    .join(', ')} (to reach: under 120 MB for a replica).
`;
}

function say(what: string, detail: string): void {
  process.stderr.write(`${new Date().toISOString().slice(11, 19)} ${what} ${detail}\n`);
}
