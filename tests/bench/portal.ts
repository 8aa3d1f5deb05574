/**
 * What a page of the portal costs the servers, beside the bare path in the same run, and how soon a browser can use it. Two portals, asked
 * in turn. Prints a table; with `--write` it goes to docs/sizing.md. `--seconds 5 --callers 16` are the defaults.
 */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { cpus, totalmem } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { jetstreamManager } from '@nats-io/jetstream';
import { totpCode, totpStep } from '@countersign/otp';
import { loadKeyRing } from '../../services/app-server/src/keys/ring.ts';
import { startPortalStack } from '../portal.ts';
import { CHECKOUT } from '../stack.ts';
import { connectRoot, startBare } from './bare.ts';
import { Latencies } from './latencies.ts';
import { closedLoop } from './load.ts';
import { visitInBrowsers, type PageLoad } from './page-loads.ts';
import { costOf } from './process-cost.ts';
import { seededUser, seedUsers } from './seed.ts';
import { writeSizing } from './sizing.ts';

const { values: options } = parseArgs({
  args: process.argv.slice(2).filter((argument) => argument !== '--'),
  allowPositionals: true,
  options: {
    seconds: { type: 'string', default: '5' },
    callers: { type: 'string', default: '16' },
    write: { type: 'boolean', default: false },
  },
});
const SECONDS = Number(options.seconds);
const CALLERS = Number(options.callers);
/** More than sign in during one measurement: each has a code that is good once. */
const USERS = 600;
const SIGNED_IN = 50;
const VISITS = 5;
const PASSWORD = 'correct horse battery staple';
const RETURN_URL = 'https://app.example.test/return';
const TOTP = { algorithm: 'SHA1', digits: 6, periodSeconds: 30 } as const;

interface Row {
  what: string;
  perSecond: number;
  failed: number;
  latencies: Latencies;
  cpuMs: Record<string, number>;
}
/** One after the other, the same thing in the middle of a machine that others use as well. */
interface Comparison {
  row: Row;
  bare: Row;
}

say('building', 'what production runs');
execFileSync('turbo', ['run', 'build', '--output-logs=errors-only'], { stdio: ['ignore', 2, 2] });
const people = Array.from({ length: USERS }, (_, number) => ({
  username: seededUser(number).username,
  password: PASSWORD,
}));
const house = await startPortalStack(people, {
  built: true,
  policy: { methods: { order: ['totp', 'sms'] }, handover: { returnUrls: [RETURN_URL] } },
  environment: { COUNTERSIGN_SIGN_INS_PER_MINUTE: '100000', COUNTERSIGN_LOG_LEVEL: 'info' },
});
const { stack, url: origin } = house;
const nats = await connectRoot(stack);
const index = readFileSync(join(CHECKOUT, 'services/user-portal/web/dist/index.html'), 'utf8');
const bare = await startBare(stack, await jetstreamManager(nats), index);
const bareProcesses = [...bare.processes.map((process) => named(process)), named(stack.nats, 'nats')];
let nextUser = SIGNED_IN;
let nextBare = 0;
try {
  say('seeding', `${USERS} users`);
  await seedUsers(stack.postgres.primary.url, loadKeyRing(stack.keyRing), 0, USERS);
  await stack.postgres.caughtUp();
  const cookies: string[] = [];
  for (let number = 0; number < SIGNED_IN; number += 1) cookies.push(await signIn(number, number));
  // The first right password links somebody with the directory, which happens once in a life.
  say('linking', 'everybody with the directory');
  await forEach(USERS, async (number) => void (await givePassword(number, number)));
  const handovers: string[] = [];
  await forEach(USERS, async (number) => {
    const answer = await stack.client.request(stack.gateways[0]?.url ?? '', 'POST', '/v1/handovers', {
      body: { username: seededUser(number).username, returnUrl: RETURN_URL, state: 'x'.repeat(16) },
    });
    if (answer.status !== 201) throw new Error(`hand-over ${answer.status} ${answer.text}`);
    const { pathname, search } = new URL(String(answer.body['url']));
    handovers[number] = pathname + search;
  });

  const barePage = () => once('bare page, from memory', bareProcesses, (number) => bareGet(number, '/page'));
  const bareRead = () => once('bare read', bareProcesses, (number) => bareGet(number, `/bare/${number % SIGNED_IN}`));
  const bareAppend = () =>
    once('bare append', bareProcesses, async (number) => {
      const at = bare.urls[number % 2] ?? '';
      return stack.client.request(at, 'POST', `/bare/${nextBare++}`, { body: { code: '123456' } });
    });
  const account = (number: number) => post(number, '/api/account', {}, cookies[number % SIGNED_IN]);

  // Warms everything up, and is not shown.
  await compare('sign-in page: GET /', (number) => get(number, '/'), barePage);
  const comparisons: Comparison[] = [
    await compare('sign-in page: GET /', (number) => get(number, '/'), barePage),
    await compare('who is there: welcome, of nobody', (number) => post(number, '/api/welcome', {}), barePage),
    await compare(
      'account page: GET / and account',
      async (number) => [await get(number, '/'), await account(number)],
      async () =>
        once('bare page and bare read', bareProcesses, async (number) => [
          await bareGet(number, '/page'),
          await bareGet(number, `/bare/${number % SIGNED_IN}`),
        ]),
    ),
    await compare('account alone', account, bareRead),
    await compare(
      'hand-over: GET /verify, which asks the person',
      (number) => get(number, handovers[nextUser++ % USERS] ?? ''),
      bareAppend,
    ),
    await compare('whole sign-in: password and TOTP', (number) => signIn(number, nextUser++ % USERS), bareAppend),
  ];
  const visits = await visitInBrowsers(origin, stack.certificate.certificatePem, VISITS);
  const report = render(comparisons, visits);
  process.stdout.write(`\n${report}\n`);
  if (options.write) writeSizing('portal', report);
} finally {
  for (const process of bare.processes) await process.kill();
  await nats.close();
  await house.stop();
}

type Answer = Awaited<ReturnType<typeof stack.client.request>>;

function named(process: { pid: number; name?: string }, name = process.name ?? ''): [string, { pid: number }] {
  return [name, process];
}

/** Everything whose CPU a page costs; neither the load generator nor the balancer is among it. */
function measured(): [string, { pid: number }][] {
  const { portals, appServers, postgres } = stack;
  return [
    ...portals.map((process) => named(process)),
    ...appServers.map((process) => named(process)),
    named(stack.nats, 'nats'),
    named(postgres.primary, 'postgres-primary'),
    named(postgres.standby, 'postgres-standby'),
    named(house.slapd, 'slapd'),
  ];
}

async function compare(
  what: string,
  step: (number: number) => Promise<unknown>,
  other: () => Promise<Row>,
): Promise<Comparison> {
  return { row: await once(what, measured(), step), bare: await other() };
}

async function once(
  what: string,
  processes: [string, { pid: number }][],
  step: (number: number) => Promise<unknown>,
): Promise<Row> {
  say('running', what);
  const latencies = new Latencies();
  const { outcome, cpuMs } = await costOf(processes, () =>
    closedLoop(CALLERS, SECONDS, async (number) => {
      const startedAt = performance.now();
      await step(number);
      latencies.add(performance.now() - startedAt);
    }),
  );
  if (outcome.failed > 0) say('failed', JSON.stringify(outcome.failures));
  return { what, perSecond: outcome.completed / outcome.seconds, failed: outcome.failed, latencies, cpuMs };
}

function expectOk(answer: Answer): Answer {
  if (answer.status !== 200) throw new Error(`${answer.status} ${String(answer.body.code)}`);
  return answer;
}

function portal(number: number): string {
  return stack.portals[number % stack.portals.length]?.url ?? '';
}

/** Each from a browser of its own: one that follows a link twice within seconds is asked once. */
async function get(number: number, path: string): Promise<Answer> {
  const headers = { 'user-agent': `bench ${number}` };
  return expectOk(await stack.client.request(portal(number), 'GET', path, { headers }));
}

async function bareGet(number: number, path: string): Promise<Answer> {
  return expectOk(await stack.client.request(bare.urls[number % bare.urls.length] ?? '', 'GET', path));
}

async function post(number: number, path: string, body: object, cookie?: string): Promise<Answer> {
  const headers = { origin, 'x-countersign': 'portal', ...(cookie !== undefined && { cookie }) };
  return expectOk(await stack.client.request(portal(number), 'POST', path, { body, headers }));
}

function cookieOf({ headers }: Answer): string {
  const [set = ''] = [headers['set-cookie'] ?? ''].flat();
  return set.split(';')[0] ?? '';
}

async function givePassword(number: number, person: number): Promise<string> {
  const input = { username: seededUser(person).username, password: PASSWORD };
  return cookieOf(await post(number, '/api/sign-in/password', input));
}

/** The page, the password on one portal, the code on the other. */
async function signIn(number: number, person: number): Promise<string> {
  await get(number, '/');
  const cookie = await givePassword(number, person);
  const code = totpCode({ ...TOTP, secret: seededUser(person).secret }, totpStep(Date.now(), TOTP.periodSeconds));
  const answer = await post(number + 1, '/api/second-factor/answer', { code }, cookie);
  const { standing = answer.body } = answer.body as { standing?: Record<string, unknown> };
  if ((standing as { at?: string }).at !== 'signed-in') throw new Error(answer.text);
  return cookieOf(answer);
}

async function forEach(count: number, work: (number: number) => Promise<void>): Promise<void> {
  let next = 0;
  await Promise.all(
    Array.from({ length: CALLERS }, async () => {
      while (next < count) await work(next++);
    }),
  );
}

function render(comparisons: readonly Comparison[], visits: Awaited<ReturnType<typeof visitInBrowsers>>): string {
  const total = ({ cpuMs }: Row) => Object.values(cpuMs).reduce((sum, value) => sum + value, 0);
  const cost = ({ cpuMs }: Row) =>
    Object.entries(cpuMs)
      .filter(([, value]) => value >= 0.005)
      .map(([name, value]) => `${name} ${value.toFixed(2)}`)
      .join(', ');
  const line = (row: Row, beside?: Row) => {
    const { p50, p99 } = row.latencies.summary();
    const ratio =
      beside === undefined
        ? ''
        : `${(row.perSecond / beside.perSecond).toFixed(2)} / ${(total(row) / total(beside)).toFixed(1)}`;
    return `| ${row.what} | ${row.perSecond.toFixed(0)} | ${p50.toFixed(1)} / ${p99.toFixed(1)} | ${total(row).toFixed(2)} | ${cost(row)} | ${ratio} | ${row.failed} |`;
  };
  const median = (loads: readonly PageLoad[], of: keyof PageLoad) => {
    const sorted = loads.map((load) => load[of]).toSorted((a, b) => a - b);
    return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
  };
  const visit = (name: string, loads: readonly PageLoad[]) =>
    `| ${name} | ${(median(loads, 'bytes') / 1024).toFixed(1)} | ${median(loads, 'firstPaintMs').toFixed(0)} | ${median(loads, 'interactiveMs').toFixed(0)} |`;
  return `## Pages of the portal

Written by \`npm run bench -- portal --write\`.

- Machine: ${cpus().length} × ${cpus()[0]?.model ?? 'unknown'}, ${Math.round(totalmem() / 2 ** 30)} GB; everything on it, the load generator too.
- Node ${process.version}, 2 user-portals asked in turn, 2 app-servers, 1 NATS server, 1 Postgres pair (fsync off), OpenLDAP with ${USERS} people, whose passwords it holds unhashed.
- ${CALLERS} callers in closed loop, ${SECONDS} s each. Below each line the bare path: Fastify that answers the page from memory, or one NATS request and one read of a record of the ledger's size, or that and one append.
- Beside it: requests per second and CPU against the bare path.

| What | per second | p50 / p99 ms | CPU ms per unit | by process | against bare: rate / CPU | failed |
| --- | ---: | --- | ---: | --- | --- | ---: |
${comparisons.flatMap(({ row, bare: beside }) => [line(row, beside), line(beside)]).join('\n')}

The first page in a browser (Chromium ${visits.version}, through HAProxy, median of ${VISITS}). Interactive: its script has drawn the form, and the form takes input.

| Visit | KB on the wire (to reach: under 120) | first contentful paint ms | interactive ms (to reach: under 1000) |
| --- | ---: | ---: | ---: |
${visit('first', visits.first)}
${visit('again', visits.again)}
`;
}

function say(what: string, detail: string): void {
  process.stderr.write(`${new Date().toISOString().slice(11, 19)} ${what} ${detail}\n`);
}
