import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { accepts } from './port.ts';
import { prepareProcess, type RunningProcess } from './process.ts';

/** Somebody of the domain. */
export interface DomainPerson {
  /** sAMAccountName. */
  username: string;
  password: string;
  displayName?: string;
  mail?: string;
  phone?: string;
  /** Whatever else is to be set at the account, as LDIF has it. */
  attributes?: Readonly<Record<string, string>>;
}

export interface SambaOptions {
  dir: string;
  /** Its certificate has to be for this; one that no other domain of this machine has meanwhile: `sambaAddress()`. */
  address: SambaAddress;
  certificatePem: string;
  keyPem: string;
  people: readonly DomainPerson[];
  /** So many wrong passwords lock an account. */
  lockoutThreshold: number;
  logFile: string;
}

export interface SambaAddress {
  /** Of the domain controller. */
  readonly host: string;
  /** Of this machine, on the same wire. */
  readonly near: string;
  readonly namespace: string;
}

export interface Samba extends RunningProcess {
  readonly url: string;
  readonly baseDn: string;
  readonly bindDn: string;
  readonly bindPassword: string;
  /** Of one account, as the domain's own database has it. */
  readonly attributeOf: (username: string, attribute: string) => string | undefined;
  /** Changes the database itself, as the domain's own tools do. */
  readonly modify: (ldif: string) => void;
}

const SUFFIX = 'lab.test';
const BASE_DN = 'DC=lab,DC=test';
const BIND_PASSWORD = 'Passw0rd!23';
const PROGRAMS = ['/usr/sbin/samba', '/usr/bin/samba-tool', '/usr/bin/ldbmodify', '/usr/share/samba/setup', '/sbin/ip'];

/** @returns what is missing here, or undefined when a domain controller can run. */
export function whyNoSamba(): string | undefined {
  if (process.getuid?.() !== 0) return 'needs root, for a network namespace of its own';
  const missing = PROGRAMS.filter((path) => !existsSync(path));
  return missing.length === 0 ? undefined : `needs ${missing.join(', ')}`;
}

/** Two addresses of 198.18.0.0/15, which is for tests between two machines (RFC 2544 appendix C.2.2). */
export function sambaAddress(): SambaAddress {
  const net = Math.floor(Math.random() * 16_384) * 4;
  const [third, fourth] = [net >> 8, net & 255];
  return {
    near: `198.18.${third}.${fourth + 1}`,
    host: `198.18.${third}.${fourth + 2}`,
    namespace: `cs-dc-${net}`,
  };
}

/**
 * Makes a domain and starts its controller, whose ports (53, 88, 389, 445, 636 …) stay in a network namespace of their own, with one wire
 * to here.
 */
export async function startSamba(options: SambaOptions): Promise<Samba> {
  const { dir, address } = options;
  const configuration = join(dir, 'dc', 'etc', 'smb.conf');
  const database = join(dir, 'dc', 'private', 'sam.ldb');
  mkdirSync(join(dir, 'run'), { recursive: true, mode: 0o755 });
  const unwire = wire(address);
  try {
    provision(dir, address);
    writeFileSync(configuration, configured(readFileSync(configuration, 'utf8'), dir, options), { mode: 0o600 });
    const modify = (ldif: string) =>
      void tool('/usr/bin/ldbmodify', [`--configfile=${configuration}`, '-H', database, '--relax'], ldif);
    modify(domainLdif(options));
    const running = prepareProcess({
      name: 'samba',
      command: '/usr/sbin/samba',
      args: ['-F', '--no-process-group', '-M', 'single', '-s', configuration],
      networkNamespace: address.namespace,
      logFile: options.logFile,
      readyWhen: () => accepts(636, address.host),
    });
    await running.start();
    const attributeOf = (username: string, attribute: string) => {
      const filter = `(sAMAccountName=${username})`;
      const found = tool('/usr/bin/ldbsearch', [`--configfile=${configuration}`, '-H', database, filter, attribute]);
      return new RegExp(`^${attribute}: (.*)$`, 'm').exec(found)?.[1];
    };
    return Object.defineProperties({} as Samba, {
      ...Object.getOwnPropertyDescriptors(running),
      kill: {
        value: async () => {
          await running.kill();
          unwire();
        },
      },
      url: { value: `ldaps://${address.host}` },
      baseDn: { value: BASE_DN },
      bindDn: { value: `CN=Administrator,CN=Users,${BASE_DN}` },
      bindPassword: { value: BIND_PASSWORD },
      attributeOf: { value: attributeOf },
      modify: { value: modify },
    });
  } catch (error) {
    unwire();
    throw error;
  }
}

/** @returns what takes it away again; it goes with this process, too. */
function wire({ namespace, near, host }: SambaAddress): () => void {
  const [here, there] = [namespace.replace('cs-', 'v'), `${namespace.replace('cs-', 'v')}b`];
  const undo = () => {
    process.off('exit', undo);
    spawnSync('/sbin/ip', ['netns', 'del', namespace]);
  };
  process.on('exit', undo);
  for (const words of [
    `netns add ${namespace}`,
    `link add ${here} type veth peer name ${there} netns ${namespace}`,
    `addr add ${near}/30 dev ${here}`,
    `link set ${here} up`,
    `-n ${namespace} addr add ${host}/30 dev ${there}`,
    `-n ${namespace} link set ${there} up`,
    `-n ${namespace} link set lo up`,
  ]) {
    tool('/sbin/ip', words.split(' '));
  }
  return undo;
}

function provision(dir: string, { host, namespace }: SambaAddress): void {
  const settings = {
    realm: SUFFIX.toUpperCase(),
    domain: 'LAB',
    adminpass: BIND_PASSWORD,
    'server-role': 'dc',
    'dns-backend': 'NONE',
    targetdir: join(dir, 'dc'),
    'host-name': 'dc1',
    'host-ip': host,
    option: 'dns forwarder=127.0.0.1',
  };
  const words = Object.entries(settings).map(([name, value]) => `--${name}=${value}`);
  tool('/sbin/ip', ['netns', 'exec', namespace, '/usr/bin/samba-tool', 'domain', 'provision', ...words]);
}

/** Everything that it writes stays in its folder. */
function configured(text: string, dir: string, { certificatePem, keyPem }: SambaOptions): string {
  const [run, tls] = [join(dir, 'run'), join(dir, 'tls')];
  mkdirSync(tls, { mode: 0o700 });
  writeFileSync(join(tls, 'key.pem'), keyPem, { mode: 0o600 });
  writeFileSync(join(tls, 'cert.pem'), certificatePem, { mode: 0o600 });
  const lines = [
    `tls keyfile = ${join(tls, 'key.pem')}`,
    `tls certfile = ${join(tls, 'cert.pem')}`,
    'tls cafile =',
    `pid directory = ${run}`,
    `ncalrpc dir = ${join(run, 'ncalrpc')}`,
    `winbindd socket directory = ${join(run, 'winbindd')}`,
    `log file = ${join(run, 'log')}`,
    'server services = ldap',
  ];
  return text.replace('[global]', ['[global]', ...lines.map((line) => `\t${line}`)].join('\n'));
}

function domainLdif({ people, lockoutThreshold }: SambaOptions): string {
  const base64 = (text: string, encoding: 'utf8' | 'utf16le' = 'utf8') =>
    Buffer.from(text, encoding).toString('base64');
  const domain = [
    `dn: ${BASE_DN}`,
    'changetype: modify',
    'replace: lockoutThreshold',
    `lockoutThreshold: ${lockoutThreshold}`,
  ];
  const accounts = people.map(({ username, password, displayName, mail, phone, attributes = {} }) => [
    `dn:: ${base64(`CN=${username},CN=Users,${BASE_DN}`)}`,
    'changetype: add',
    'objectClass: user',
    `sAMAccountName:: ${base64(username)}`,
    `userPrincipalName:: ${base64(`${username}@${SUFFIX}`)}`,
    `clearTextPassword:: ${base64(password, 'utf16le')}`,
    ...(displayName === undefined ? [] : [`displayName:: ${base64(displayName)}`]),
    ...(mail === undefined ? [] : [`mail:: ${base64(mail)}`]),
    ...(phone === undefined ? [] : [`mobile: ${phone}`]),
    ...Object.entries({ userAccountControl: '512', ...attributes }).map(([name, value]) => `${name}: ${value}`),
  ]);
  return `${[domain, ...accounts].map((lines) => lines.join('\n')).join('\n\n')}\n`;
}

function tool(program: string, words: readonly string[], input = ''): string {
  const { status, stdout, stderr } = spawnSync(program, words, { encoding: 'utf8', input });
  if (status !== 0) throw new Error(`${program} ${words[0] ?? ''}: ${stderr || stdout}`);
  return stdout;
}
