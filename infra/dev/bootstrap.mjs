// Brings a fresh machine to where `npm start` and its sisters can run: pnpm, the packages, the pinned Node, the pages,
// nats-server and what else they need of Debian.
// Plain JavaScript without dependencies, because it runs on whatever Node the machine has (20 or newer).
//
//   node infra/dev/bootstrap.mjs start|demo|test|bench|chaos|fuzz|release [arguments]
import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  accessSync,
  constants,
  copyFileSync,
  createWriteStream,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { delimiter, dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const CHECKOUT = join(dirname(fileURLToPath(import.meta.url)), '..', '..');
const STATE = join(CHECKOUT, '.countersign');
const TOOLS = join(STATE, 'tools');
/** Programs of our own, where those of the machine are missing or too old. */
const PROGRAM_FOLDER = join(TOOLS, 'bin');
const INSTALL_LOG = join(STATE, 'logs', 'install.log');
const STAMP = join(CHECKOUT, 'node_modules', '.countersign-stamp');
const NODE = join(CHECKOUT, 'node_modules', '.bin', 'node');

const PROGRAMS = {
  start: 'infra/dev/start.ts',
  demo: 'infra/dev/demo.ts',
  test: 'infra/dev/test.ts',
  bench: 'tests/bench/main.ts',
  chaos: 'tests/chaos/main.ts',
  fuzz: 'tests/fuzz/main.ts',
  release: 'infra/dev/release.ts',
};

/** What is built for browsers, and of what besides its own folder. */
const PAGES = [
  {
    what: 'the portal',
    service: 'user-portal',
    sources: ['services/user-portal/src/api.ts', 'packages/ui/src', 'packages/contracts/src', 'pnpm-lock.yaml'],
  },
  {
    what: 'the authenticator',
    service: 'mobile-app-web-service',
    sources: [
      'packages/ui/src',
      'packages/contracts/src',
      'packages/device-protocol/src',
      'packages/otp/src',
      'pnpm-lock.yaml',
    ],
  },
];

/** Something the person has to do; the sentence says what. */
class Instruction extends Error {}

async function main([command, ...args]) {
  const program = PROGRAMS[command];
  if (program === undefined) {
    throw new Instruction(`Use one of: ${Object.keys(PROGRAMS).join(', ')}. Not ${command ?? 'nothing'}.`);
  }
  checkMachine();
  mkdirSync(dirname(INSTALL_LOG), { recursive: true });
  const environment = childEnvironment();
  await installPackages(environment);
  checkPinnedNode();
  // What is fuzzed is a package alone: no page, no broker, no database.
  if (command === 'fuzz') return runProgram(program, args, environment);
  await buildPages(environment);
  // A release is made of what is here, and runs nothing.
  if (command === 'release') return runProgram(program, args, environment);
  await installNats(environment);
  await installDirectory(command);
  const isOfPages = command === 'bench' && args.includes('portal');
  if (['chaos', 'test'].includes(command) || args.includes('--ha') || isOfPages) await installDebian(TOPOLOGY);
  if (isOfPages) await installDebian(BROWSER);
  if (command === 'test') {
    await installDebian(FIREWALL);
    await installDebian(PROMTOOL);
    await installDebian(BROWSER);
    await installDebian(DOMAIN_CONTROLLER);
    await installDebian(RADIUS_PEERS);
  }
  // Without root there are no machines to break, and chaos goes on with processes.
  if (['chaos', 'test'].includes(command) && process.getuid() === 0) await installDebian(MACHINES);
  return runProgram(program, args, environment);
}

function checkMachine() {
  const major = Number(process.versions.node.split('.')[0]);
  if (major < 20) throw new Instruction(`This needs Node 20 or newer to begin with; here is ${process.version}.`);
  if (process.platform !== 'linux' || !['x64', 'arm64'].includes(process.arch)) {
    throw new Instruction(
      `The development stack runs on Linux (x64, arm64). Here is ${process.platform} ${process.arch}.`,
    );
  }
}

/** Without what `npm run` adds about itself, and with a home folder that can be written to. */
function childEnvironment() {
  const environment = { ...process.env };
  for (const name of ['npm_config_prefix', 'npm_config_local_prefix', 'npm_config_global_prefix', 'INIT_CWD']) {
    delete environment[name];
  }
  if (!isWritable(environment.HOME)) {
    environment.HOME = join(STATE, 'home');
    mkdirSync(environment.HOME, { recursive: true });
    delete environment.npm_config_cache;
    delete environment.npm_config_userconfig;
  }
  // Node keeps what it compiled, types stripped included: the second start takes half the work.
  environment.NODE_COMPILE_CACHE ??= join(STATE, 'compile-cache');
  environment.PATH = [dirname(NODE), PROGRAM_FOLDER, environment.PATH ?? '/usr/bin:/bin'].join(delimiter);
  return environment;
}

function isWritable(folder) {
  try {
    accessSync(folder ?? '', constants.W_OK | constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

async function installPackages(environment) {
  const wanted = fingerprint();
  if (existsSync(NODE) && readIfThere(STAMP) === wanted) return;
  const pnpm = await installPnpm(environment);
  await step('installing packages', pnpm, ['install', '--frozen-lockfile', '--config.confirmModulesPurge=false'], {
    environment,
    advice: 'The lockfile and every package.json must fit together; package registries must be reachable.',
  });
  writeFileSync(STAMP, wanted);
}

/** Of everything that decides what ends up in node_modules. */
function fingerprint() {
  const files = ['package.json', 'pnpm-lock.yaml', 'pnpm-workspace.yaml'];
  const hash = createHash('sha256').update(`${process.platform} ${process.arch}`);
  for (const file of [...files, ...workspaceManifests()])
    hash.update(`\0${file}\0`).update(readFileSync(join(CHECKOUT, file)));
  return hash.digest('hex');
}

function workspaceManifests() {
  const folders = ['services', 'packages'].flatMap((folder) =>
    readdirSync(join(CHECKOUT, folder))
      .toSorted()
      .map((name) => join(folder, name)),
  );
  return [...folders, join('infra', 'dev'), join('infra', 'ha'), 'tests']
    .map((folder) => join(folder, 'package.json'))
    .filter((file) => existsSync(join(CHECKOUT, file)));
}

/** The portal serves what was built, in development as well: the pages that people get are the ones that are tried. */
async function buildPages(environment) {
  for (const { what, service, sources } of PAGES) {
    const folder = join(CHECKOUT, 'services', service);
    const web = join(folder, 'web');
    if (!existsSync(join(web, 'index.html'))) continue;
    const stamp = join(STATE, `pages-stamp-${service}`);
    const own = readdirSync(web).filter((name) => name !== 'dist' && name !== 'node_modules');
    const wanted = contentOf([
      ...own.map((name) => join(web, name)),
      join(folder, 'package.json'),
      ...sources.map((name) => join(CHECKOUT, name)),
    ]);
    if (existsSync(join(web, 'dist', 'index.html')) && readIfThere(stamp) === wanted) continue;
    await step(`building the pages of ${what}`, join(folder, 'node_modules', '.bin', 'vite'), ['build', 'web'], {
      environment: { ...environment, NODE_ENV: 'production' },
      cwd: folder,
      advice: 'Delete node_modules and try again.',
    });
    writeFileSync(stamp, wanted);
  }
}

/** Of files, and of all files in folders. */
function contentOf(paths) {
  const hash = createHash('sha256');
  const add = (path) => {
    if (statSync(path).isDirectory()) {
      for (const name of readdirSync(path).toSorted()) add(join(path, name));
    } else hash.update(`\0${relative(CHECKOUT, path)}\0`).update(readFileSync(path));
  };
  for (const path of paths) add(path);
  return hash.digest('hex');
}

async function installPnpm(environment) {
  const version = manifest()
    .packageManager.replace(/^pnpm@/, '')
    .replace(/\+.*/, '');
  const pnpm = join(TOOLS, 'node_modules', '.bin', 'pnpm');
  const isThere = () =>
    spawnSync(pnpm, ['--version'], { encoding: 'utf8', env: environment }).stdout?.trim() === version;
  if (isThere()) return pnpm;
  mkdirSync(TOOLS, { recursive: true });
  const quiet = ['--no-save', '--no-audit', '--no-fund', '--no-progress', '--no-update-notifier'];
  // pnpm puts its binary in place with an install script.
  const install = ['install', '--prefix', TOOLS, ...quiet, '--ignore-scripts=false', `pnpm@${version}`];
  await step(`installing pnpm ${version}`, 'npm', install, {
    environment,
    advice: 'npm must be installed, and the package registry reachable.',
  });
  if (!isThere()) throw new Instruction(`pnpm ${version} was installed and does not run. See ${INSTALL_LOG}.`);
  return pnpm;
}

function checkPinnedNode() {
  const wanted = manifest().optionalDependencies[`node-linux-${process.arch}`];
  const found = spawnSync(NODE, ['--version'], { encoding: 'utf8' }).stdout?.trim();
  if (found === `v${wanted}`) return;
  throw new Instruction(
    `Node ${wanted} is to run this, from the npm package node-linux-${process.arch}, and ${NODE} ` +
      `${found === undefined ? 'does not run' : `is ${found}`}. Delete node_modules and try again. ` +
      'If it stays away, optional packages are switched off in your npm or pnpm settings.',
  );
}

/** What is installed from Debian's packages where it is missing, and how to get it elsewhere. */
const NATS = {
  what: 'nats-server',
  programs: ['nats-server'],
  packages: ['nats-server'],
  advice:
    'Install nats-server 2.10 or newer (Debian 13, Ubuntu: apt-get install nats-server; others: https://nats.io/download).',
};
/** The release whose nats-server is taken where the machine has none, or one before 2.10, which loses decisions after a partition. */
const NATS_RELEASE = 'trixie';
const DEBIAN_KEYRING = '/usr/share/keyrings/debian-archive-keyring.gpg';
/** python3-idna: without it Patroni cannot speak TLS to etcd, and Debian's package does not ask for it. */
const TOPOLOGY = {
  what: 'the production topology',
  programs: ['patroni', 'etcd', 'haproxy', 'pg_rewind', 'nginx', '/usr/lib/nginx/modules/ngx_stream_module.so'],
  packages: [
    'patroni',
    'python3-etcd',
    'python3-idna',
    'etcd-server',
    'haproxy',
    'postgresql',
    'nginx-light',
    'libnginx-mod-stream',
  ],
  advice:
    'Install Patroni, etcd, HAProxy, PostgreSQL 15 and nginx with its stream module (Debian: apt-get install patroni python3-etcd python3-idna etcd-server haproxy postgresql nginx-light libnginx-mod-stream).',
};

/** What `npm run chaos` makes machines of, on this one. */
const MACHINES = {
  what: 'what machines are made of',
  programs: ['ip', 'nft', 'python3', 'faketime', 'mkfs.ext4'],
  packages: ['iproute2', 'nftables', 'python3-minimal', 'faketime', 'e2fsprogs'],
  advice:
    'Install iproute2, nftables, python3, faketime and e2fsprogs (Debian: apt-get install iproute2 nftables python3-minimal faketime e2fsprogs).',
};

/** The rules for it are tried. */
const FIREWALL = {
  what: 'nftables',
  programs: ['nft'],
  packages: ['nftables'],
  advice: 'Install nftables (Debian: apt-get install nftables).',
};

/** Tries the alert rules. */
const PROMTOOL = {
  what: 'promtool',
  programs: ['promtool'],
  packages: ['prometheus'],
  advice: 'Install Prometheus 2.42 or newer (Debian: apt-get install prometheus); of it only promtool is used.',
};

/** Holds people's passwords. Debian puts programs like this one where a user's PATH does not lead. */
const DIRECTORY = {
  what: 'slapd and ldapsearch',
  programs: ['slapd', 'ldapsearch'],
  packages: ['slapd', 'ldap-utils'],
  advice: 'Install slapd and ldapsearch (Debian: apt-get install slapd ldap-utils).',
};

/** The portal is tried in it; without fonts it draws boxes. */
const BROWSER = {
  what: 'Chromium',
  programs: ['chromium', 'fc-list'],
  packages: ['chromium', 'fontconfig', 'fonts-dejavu-core'],
  advice: 'Install Chromium (Debian: apt-get install chromium fontconfig fonts-dejavu-core).',
};

/** An Active Directory to sign in against. */
const DOMAIN_CONTROLLER = {
  what: 'Samba',
  programs: ['samba', 'samba-tool', 'ldbmodify'],
  packages: ['samba', 'samba-ad-dc', 'samba-ad-provision', 'samba-dsdb-modules', 'winbind', 'ldb-tools', 'acl', 'attr'],
  advice:
    'Install Samba as a domain controller (Debian: apt-get install samba samba-ad-dc samba-ad-provision samba-dsdb-modules winbind ldb-tools acl attr).',
};

/** Servers and clients that speak RADIUS with ours. Two of them are plug-ins: of sshd's sign-in, and of OpenVPN. */
const RADIUS_PEERS = {
  what: 'FreeRADIUS and clients of RADIUS',
  programs: [
    'freeradius',
    'radclient',
    'eapol_test',
    'radsecproxy',
    'security/pam_radius_auth.so',
    'sshd',
    'pamtester',
    'openvpn',
    'openvpn/radiusplugin.so',
  ],
  packages: [
    'freeradius',
    'freeradius-utils',
    'eapoltest',
    'radsecproxy',
    'libpam-radius-auth',
    'openssh-server',
    'pamtester',
    'openvpn',
    'openvpn-auth-radius',
  ],
  // Where one of these ran before, somebody comes in through it: only what was missing is switched off.
  services: { freeradius: 'freeradius', radsecproxy: 'radsecproxy', sshd: 'ssh', openvpn: 'openvpn' },
  advice:
    'Install FreeRADIUS and what speaks RADIUS (Debian: apt-get install freeradius freeradius-utils eapoltest radsecproxy libpam-radius-auth openssh-server pamtester openvpn openvpn-auth-radius).',
};

/** What the packages above would run on their own, besides those that an entry names itself. */
const DEBIAN_SERVICES = [
  'nats-server',
  'patroni',
  'etcd',
  'haproxy',
  'nginx',
  'prometheus',
  'slapd',
  'samba-ad-dc',
  'smbd',
  'nmbd',
  'winbind',
];

/** Without a directory the stack starts, and nobody signs in with a password; what is to be tested needs it. */
async function installDirectory(command) {
  if (command !== 'test' && (process.getuid() !== 0 || findProgram('apt-get') === undefined)) return;
  await installDebian(DIRECTORY);
}

/** From Debian 13 into our own folder, checked by apt against Debian's keys; the machine's own only where that cannot be had. */
async function installNats(environment) {
  const own = join(PROGRAM_FOLDER, 'nats-server');
  if ([own, findProgram('nats-server')].some((program) => isCurrentNats(program))) return;
  const aptGet = findProgram('apt-get');
  if (aptGet === undefined || !existsSync(DEBIAN_KEYRING)) return installDebian(NATS);
  const folder = join(TOOLS, 'debian');
  for (const name of ['lists/partial', 'archives/partial']) mkdirSync(join(folder, name), { recursive: true });
  const sources = join(folder, 'sources.list');
  writeFileSync(sources, `deb [signed-by=${DEBIAN_KEYRING}] ${debianMirror(aptGet)} ${NATS_RELEASE} main\n`);
  writeFileSync(join(folder, 'status'), '');
  const apart = Object.entries({
    'Dir::Etc::sourcelist': sources,
    'Dir::Etc::sourceparts': '-',
    'Dir::State::lists': join(folder, 'lists'),
    'Dir::State::status': join(folder, 'status'),
    'Dir::Cache': folder,
    'APT::Sandbox::User': '',
    'Acquire::Languages': 'none',
  }).flatMap(([name, value]) => ['-o', `${name}=${value}`]);
  const run = (what, args) =>
    step(what, aptGet, [...apart, ...args], { environment, cwd: folder, advice: NATS.advice });
  try {
    await run(`reading the package lists of Debian ${NATS_RELEASE}`, ['update']);
    await run('fetching nats-server', ['download', 'nats-server']);
    const [archive] = readdirSync(folder).filter((name) => /^nats-server_.*\.deb$/.test(name));
    spawnSync(findProgram('dpkg-deb') ?? '', ['-x', archive ?? '', 'nats-server'], { cwd: folder });
    mkdirSync(PROGRAM_FOLDER, { recursive: true });
    copyFileSync(join(folder, 'nats-server', 'usr', 'sbin', 'nats-server'), own);
  } catch (error) {
    process.stdout.write(
      `• nats-server 2.10 could not be had from Debian ${NATS_RELEASE}: ${error.message.split('\n')[0]}\n`,
    );
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  if (!isCurrentNats(own)) await installDebian(NATS);
}

function isCurrentNats(program) {
  if (program === undefined || !existsSync(program)) return false;
  const [, major, minor] =
    /v(\d+)\.(\d+)/.exec(spawnSync(program, ['--version'], { encoding: 'utf8' }).stdout ?? '') ?? [];
  return Number(major) > 2 || (Number(major) === 2 && Number(minor) >= 10);
}

/** Where this machine gets Debian from: many have a mirror of their own. */
function debianMirror(aptGet) {
  const targets = ['indextargets', '--format', '$(REPO_URI) $(ORIGIN) $(COMPONENT)', 'Created-By: Packages'];
  const { stdout } = spawnSync(aptGet, targets, { encoding: 'utf8' });
  return /^(\S+) Debian main$/m.exec(stdout ?? '')?.[1] ?? 'http://deb.debian.org/debian/';
}

/** Only the programs are wanted, not servers of the machine's own. */
async function installDebian({ what, programs, packages, services = {}, advice }) {
  const missing = () => programs.filter((name) => findProgram(name) === undefined);
  if (missing().length === 0) return;
  const brought = missing().flatMap((name) => services[name] ?? []);
  const aptGet = findProgram('apt-get');
  if (process.getuid() !== 0 || aptGet === undefined) {
    throw new Instruction(`${missing().join(', ')} is missing. ${advice}`);
  }
  // Debian's postgresql makes and starts a cluster of its own unless it is told not to.
  if (packages.includes('postgresql')) {
    mkdirSync('/etc/postgresql-common/createcluster.d', { recursive: true });
    writeFileSync('/etc/postgresql-common/createcluster.d/countersign.conf', 'create_main_cluster = false\n');
  }
  const environment = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  const lock = ['-o', 'DPkg::Lock::Timeout=300'];
  await step('reading the package lists', aptGet, [...lock, 'update'], { environment, advice }).catch(() => undefined);
  await withoutStarting(
    () =>
      step(`installing ${what}`, aptGet, [...lock, 'install', '-y', '--no-install-recommends', ...packages], {
        environment,
        advice,
      }),
    brought,
  );
  if (missing().length > 0) throw new Instruction(`${missing().join(', ')} is still missing. ${advice}`);
}

/** invoke-rc.d(8) asks this whether to start the server that a package brings: not now, and where systemd runs, not at the next boot. */
async function withoutStarting(install, brought) {
  const policy = '/usr/sbin/policy-rc.d';
  const isOurs = !existsSync(policy);
  if (isOurs) writeFileSync(policy, '#!/bin/sh\nexit 101\n', { mode: 0o755 });
  try {
    await install();
  } finally {
    if (isOurs) rmSync(policy, { force: true });
  }
  if (!existsSync('/run/systemd/system')) return;
  for (const service of [...DEBIAN_SERVICES, ...brought]) spawnSync('systemctl', ['disable', '--now', service]);
}

function findProgram(name) {
  if (name.startsWith('/')) return existsSync(name) ? name : undefined;
  // A user's PATH leaves out the folder where Debian puts servers, and plug-ins stand in none.
  const plugIns = ['/usr/lib', `/usr/lib/${process.arch === 'x64' ? 'x86_64' : 'aarch64'}-linux-gnu`];
  const folders = [
    ...(process.env.PATH ?? '').split(delimiter),
    '/usr/sbin',
    '/usr/bin',
    ...postgresFolders(),
    ...plugIns,
  ];
  return folders.map((folder) => join(folder, name)).find((path) => existsSync(path));
}

function postgresFolders() {
  const root = '/usr/lib/postgresql';
  return existsSync(root) ? readdirSync(root).map((version) => join(root, version, 'bin')) : [];
}

/** Runs one command with its output in the log, and one line for people: what, and how long. */
function step(what, command, args, { environment, advice, cwd = CHECKOUT }) {
  const startedAt = performance.now();
  process.stdout.write(`• ${what} … `);
  return new Promise((resolve, reject) => {
    const log = createWriteStream(INSTALL_LOG, { flags: 'a' });
    let output = '';
    const child = spawn(command, args, { cwd, env: environment, stdio: ['ignore', 'pipe', 'pipe'] });
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (data) => {
        log.write(data);
        output = (output + data).slice(-4000);
      });
    }
    const fail = (reason) => {
      process.stdout.write('failed\n');
      reject(new Instruction(`${what} failed (${reason}). ${advice}\n\n${output.trim()}\n\nMore in ${INSTALL_LOG}`));
    };
    child.once('error', (error) => fail(error.message));
    child.once('close', (code, signal) => {
      log.end();
      if (code !== 0) return fail(signal ?? `exit code ${code}`);
      process.stdout.write(`${((performance.now() - startedAt) / 1000).toFixed(1)} s\n`);
      return resolve();
    });
  });
}

/** Takes the place of this process as far as Node 20 can: same terminal, same signals, same exit code. */
function runProgram(program, args, environment) {
  return new Promise((resolve, reject) => {
    const child = spawn(NODE, ['--conditions=source', join(CHECKOUT, program), ...args], {
      cwd: CHECKOUT,
      env: environment,
      stdio: 'inherit',
    });
    for (const name of ['SIGINT', 'SIGTERM', ...(ignoresHangup() ? [] : ['SIGHUP'])]) {
      process.on(name, () => child.kill(name));
    }
    stopWithNpm(child);
    child.once('error', reject);
    child.once('exit', (code, signal) => resolve(code ?? (signal === 'SIGINT' ? 130 : 1)));
  });
}

/** `kill -9` of npm must not leave the stack behind: nobody would know that it runs. */
function stopWithNpm(child) {
  const npm = npmAncestor();
  if (npm === undefined) return;
  setInterval(() => {
    if (startOf(npm.pid) !== npm.start) child.kill('SIGTERM');
  }, 1000).unref();
}

/** npm runs its scripts in a shell, so it is the grandparent. */
function npmAncestor() {
  let pid = process.ppid;
  for (let level = 0; level < 3 && pid > 1; level++) {
    const status = readIfThere(`/proc/${pid}/status`) ?? '';
    if (/^Name:\s*p?npm\b/m.test(status)) return { pid, start: startOf(pid) };
    pid = Number(/^PPid:\s*(\d+)$/m.exec(status)?.[1] ?? 0);
  }
  return undefined;
}

/** When a process was started, as the system writes it; undefined when there is none. */
function startOf(pid) {
  return readIfThere(`/proc/${pid}/stat`)?.replace(/^.*\)/s, '').split(' ')[20];
}

/** Under nohup a closed terminal is to be survived; listening for SIGHUP would undo that. */
function ignoresHangup() {
  const mask = /^SigIgn:\s*([0-9a-f]+)$/m.exec(readIfThere('/proc/self/status') ?? '')?.[1] ?? '0';
  return (Number.parseInt(mask.slice(-1), 16) & 1) === 1;
}

function manifest() {
  return JSON.parse(readFileSync(join(CHECKOUT, 'package.json'), 'utf8'));
}

function readIfThere(file) {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  if (!(error instanceof Instruction)) throw error;
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 1;
}
