/**
 * `npm run release -- FOLDER`: what a machine of an installation needs of ours, in a folder that is copied to /usr/lib/countersign there:
 * the services and the command line, compiled and with what they depend on, the Node that they run on, units, templates and rules.
 */
import { spawn } from 'node:child_process';
import { chmodSync, copyFileSync, cpSync, existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { delimiter, join, resolve } from 'node:path';
import { CHECKOUT } from './layout.ts';

/** Folder in the release, and package. */
const PROGRAMS: Readonly<Record<string, string>> = {
  'app-server': '@countersign/app-server',
  'sdk-gateway': '@countersign/sdk-gateway',
  'user-portal': '@countersign/user-portal',
  'mobile-app-web-service': '@countersign/mobile-app-web-service',
  'radius-server': '@countersign/radius-server',
  cli: '@countersign/cli',
};
/** What operators put in place themselves. */
const SHARED = ['systemd', 'ha/templates', 'ha/firewall', 'ha/return-path', 'observability', 'nats'];
/** Of a package, what only those need who build it. */
const NOT_NEEDED = ['src', 'web/src', '.turbo', 'tsconfig.json'];
const STARTER = `#!/bin/sh
exec /usr/lib/countersign/node /usr/lib/countersign/cli/dist/main.js "$@"
`;

const [asked] = process.argv.slice(2).filter((argument) => argument !== '--');
if (asked === undefined) fail('Say where to: npm run release -- FOLDER');
const folder = resolve(asked);
if (existsSync(folder) && readdirSync(folder).length > 0) fail(`${folder} is not empty. Name a new folder.`);

const bin = join(CHECKOUT, 'node_modules', '.bin');
/** The pnpm that package.json names; turbo looks for it too. */
const tools = join(CHECKOUT, '.countersign', 'tools', 'node_modules', '.bin');
await run(join(bin, 'turbo'), ['run', 'build', ...Object.values(PROGRAMS).map((name) => `--filter=${name}...`)]);
mkdirSync(folder, { recursive: true });
for (const [name, of] of Object.entries(PROGRAMS)) {
  await run(join(tools, 'pnpm'), [
    '--filter',
    of,
    'deploy',
    '--prod',
    '--legacy',
    '--prefer-offline',
    join(folder, name),
  ]);
  for (const path of NOT_NEEDED) rmSync(join(folder, name, path), { recursive: true, force: true });
}
copyFileSync(process.execPath, join(folder, 'node'));
chmodSync(join(folder, 'node'), 0o755);
mkdirSync(join(folder, 'bin'));
writeFileSync(join(folder, 'bin', 'countersign'), STARTER, { mode: 0o755 });
for (const path of SHARED) {
  cpSync(join(CHECKOUT, 'infra', path), join(folder, 'share', path), {
    recursive: true,
    filter: (from) => !from.endsWith('.test.ts'),
  });
}
process.stdout.write(
  `${folder} is to be copied to /usr/lib/countersign: docs/operations/topology.md, "Putting a version in place".\n`,
);

/** Says nothing unless it fails. */
function run(program: string, args: string[]): Promise<void> {
  return new Promise((done) => {
    const child = spawn(program, args, {
      cwd: CHECKOUT,
      env: {
        ...process.env,
        PATH: [bin, tools, process.env['PATH']].join(delimiter),
        NODE_ENV: 'production',
        CI: 'true',
        TURBO_TELEMETRY_DISABLED: '1',
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let said = '';
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding('utf8').on('data', (text: string) => (said += text));
    child.once('error', (error) => fail(`${program}: ${error.message}`));
    child.once('close', (code) => (code === 0 ? done() : fail(`${program} ${args.join(' ')}\n${said}`)));
  });
}

function fail(sentence: string): never {
  process.stderr.write(`${sentence}\n`);
  process.exit(1);
}
