import { readFileSync } from 'node:fs';
import { relative } from 'node:path';
import { haLayout } from '../ha/ha-layout.ts';
import { startHaStack } from '../ha/stack.ts';
import { runDemo } from './demo.ts';
import type { DevFile } from './dev-file.ts';
import { CHECKOUT, layout } from './layout.ts';
import { RunsAlready } from './run-lock.ts';
import { CannotStart, type RunningStack } from './running-stack.ts';
import { startDevStack } from './stack.ts';

const HELP = `npm start [-- --fresh] [-- --ha]

Starts the development stack and stays until Ctrl-C.
  --fresh    throw away the data of earlier runs first
  --ha       the production topology on this machine: three NATS servers, Patroni, etcd, HAProxy
`;

const isHa = process.argv.includes('--ha');
const here = isHa ? haLayout(process.env) : layout(process.env);
const say = (line: string) => console.log(line);

async function main(args: readonly string[]): Promise<number> {
  if (args.includes('--help')) {
    say(HELP);
    return 0;
  }
  const unknown = args.find((argument) => !['--fresh', '--ha'].includes(argument));
  if (unknown !== undefined) {
    console.error(`There is no option ${unknown}.\n\n${HELP}`);
    return 1;
  }
  const asked = askedToStop();
  const startedAt = performance.now();
  let stack: RunningStack;
  try {
    const options = { fresh: args.includes('--fresh'), say, signal: asked.signal };
    stack = isHa
      ? await startHaStack({ ...options, layout: haLayout(process.env) })
      : await startDevStack({ ...options, layout: here });
  } catch (error) {
    if (asked.signal.aborted) return 0;
    return explain(error);
  }
  say(`Up after ${((performance.now() - startedAt) / 1000).toFixed(1)} s.\n`);
  try {
    await runDemo(stack.dev, say);
  } catch (error) {
    say(`The demo failed: ${error instanceof Error ? error.message : String(error)}`);
  }
  if (!asked.signal.aborted) {
    describe(stack.dev);
    await new Promise((resolve) => asked.signal.addEventListener('abort', resolve, { once: true }));
  }
  say('\nStopping…');
  await stack.stop();
  say('Stopped. The data is kept for the next start.');
  return 0;
}

function explain(error: unknown): number {
  if (error instanceof RunsAlready) {
    console.error(
      `${error.message} Addresses and keys are in ${relative(CHECKOUT, here.devFile)}. To repeat the login: npm run demo`,
    );
  } else if (error instanceof CannotStart) console.error(error.message);
  else {
    console.error(`The stack did not start: ${error instanceof Error ? error.message : String(error)}`);
    console.error(`Everything that was started is stopped. Logs: ${relative(CHECKOUT, here.logs)}/`);
  }
  return 1;
}

/** Ctrl-C, SIGTERM, a closed terminal (unless under nohup), or the death of whoever started us. */
function askedToStop(): AbortController {
  const asked = new AbortController();
  const stop = () => asked.abort();
  for (const name of ['SIGINT', 'SIGTERM', ...(ignoresHangup() ? [] : (['SIGHUP'] as const))] as const) {
    process.on(name, stop);
  }
  const parent = process.ppid;
  setInterval(() => {
    if (process.ppid !== parent) stop();
  }, 1000).unref();
  return asked;
}

function ignoresHangup(): boolean {
  const mask = /^SigIgn:\s*([0-9a-f]+)$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1] ?? '0';
  return (Number.parseInt(mask.slice(-1), 16) & 1) === 1;
}

function portalRows({ userPortals, newcomers }: DevFile): [string, string][] {
  if (userPortals.length === 0) return [];
  const passwords =
    newcomers.length === 0
      ? 'no directory: slapd is missing, and without it nobody signs in with a password (Debian: apt-get install slapd)'
      : `${userPortals.length > 1 ? 'sign in at one, go on at the other; y' : 'Y'}our browser has to accept their certificate`;
  return [
    ['user portals', userPortals.join('   ')],
    ['', passwords],
  ];
}

function mobileRows({ mobileServices }: DevFile): [string, string][] {
  const [first] = mobileServices;
  if (first === undefined) return [];
  return [
    ['mobile services', mobileServices.join('   ')],
    ['  authenticator', `${first}/app/`],
  ];
}

function radiusRows({ radiusServers, radiusClient }: DevFile): [string, string][] {
  if (radiusServers.length === 0) return [];
  return [
    ['RADIUS servers', radiusServers.map(({ authentication }) => authentication).join('   ')],
    ['  accounting', radiusServers.map(({ accounting }) => accounting).join('   ')],
    ['  RadSec', radiusServers.map(({ radsec }) => radsec).join('   ')],
    ['  secret', `${radiusClient?.secret}   (client "${radiusClient?.name}": whoever asks from this machine)`],
  ];
}

function describe(dev: DevFile): void {
  const rows: [string, string][] = [
    ...(dev.balancers === undefined ? [] : [['balancers', dev.balancers.join('   ')] as [string, string]]),
    ['SDK gateways', dev.sdkGateways.join('   ')],
    ['  interface', `${dev.sdkGateways[0]}/v1/openapi.json`],
    ['  authority', relative(process.cwd(), dev.ca)],
    ['  API key', `${dev.apiKey}   (application "${dev.application}")`],
    ...portalRows(dev),
    ...mobileRows(dev),
    ...radiusRows(dev),
    ['app-servers', dev.adminApis.map((url) => `${url}/health/ready`).join('   ')],
    ['inbox', `${dev.inbox}   (SMS as a page; JSON at /api/messages)`],
    ['Postgres', dev.postgres.primary],
    ['  standby', dev.postgres.standby],
    ['NATS', dev.nats],
    ...dev.users.map(({ username, password, phone, totpSecret }, index): [string, string] => [
      index === 0 ? 'users' : '',
      `${username.padEnd(8)} password ${password}   ${phone}   TOTP ${totpSecret}`,
    ]),
    ...dev.newcomers.map(({ username, password }, index): [string, string] => [
      index === 0 ? 'no factor yet' : '',
      `${username.padEnd(8)} password ${password}`,
    ]),
    ['administer', 'npm run -s countersign -- help'],
    ['all of this', relative(process.cwd(), here.devFile)],
  ];
  say(
    `\nCountersign runs, on this machine only. Ctrl-C stops it; the data stays (npm start -- --fresh begins anew).\n`,
  );
  for (const [what, where] of rows) say(`  ${what.padEnd(15)} ${where}`);
}

process.exit(await main(process.argv.slice(2)));
