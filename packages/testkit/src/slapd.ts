import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { accepts } from './port.ts';
import { prepareProcess, type RunningProcess } from './process.ts';

/** Somebody whom the directory knows; the password is the one that they type. */
export interface SlapdPerson {
  username: string;
  password: string;
  displayName?: string;
  mail?: string;
  phone?: string;
  workPhone?: string;
  language?: string;
  /** When the account was made, as LDAP writes it; now unless given. */
  createTimestamp?: string;
  /** Groups that the server says somebody is in although no group lists them: by name. */
  memberOf?: readonly string[];
}

/** A group below ou=groups. */
export interface SlapdGroup {
  name: string;
  /** Distinguished names; at least one. */
  members: readonly string[];
  /** groupOfNames, or groupOfUniqueNames. */
  by: 'member' | 'uniqueMember';
}

export interface SlapdOptions {
  /** Folder for its configuration and data. */
  dir: string;
  port: number;
  /** StartTLS as well, on this port. */
  plainPort?: number;
  certificatePem: string;
  keyPem: string;
  people: readonly SlapdPerson[];
  groups?: readonly SlapdGroup[];
  /** Of whom looks people up; made up unless given. */
  bindPassword?: string;
  logFile: string;
  onCrash?: (reason: string) => void;
}

export interface Slapd extends RunningProcess {
  readonly url: string;
  readonly baseDn: string;
  readonly bindDn: string;
  readonly bindPassword: string;
}

const BASE_DN = 'dc=example,dc=com';
const BIND_DN = `cn=countersign,${BASE_DN}`;
const SCHEMAS = '/etc/ldap/schema';

export function hasSlapd(): boolean {
  return existsSync('/usr/sbin/slapd') && existsSync(`${SCHEMAS}/inetorgperson.schema`);
}

/** Starts OpenLDAP's server on 127.0.0.1 with these people, over TLS. What it held at an earlier start of the same folder, it holds again. */
export async function startSlapd(options: SlapdOptions): Promise<Slapd> {
  const { dir, port, people, groups = [], bindPassword = randomBytes(12).toString('base64url') } = options;
  mkdirSync(join(dir, 'data'), { recursive: true, mode: 0o700 });
  writeFileSync(join(dir, 'certificate.pem'), options.certificatePem);
  writeFileSync(join(dir, 'key.pem'), options.keyPem, { mode: 0o600 });
  const configuration = join(dir, 'slapd.conf');
  writeFileSync(configuration, configurationIn(dir), { mode: 0o600 });
  if (!existsSync(join(dir, 'data', 'data.mdb'))) fill(dir, configuration, ldif(people, groups, bindPassword));

  const plain = options.plainPort === undefined ? '' : ` ldap://127.0.0.1:${options.plainPort}`;
  const running = prepareProcess({
    name: 'slapd',
    command: '/usr/sbin/slapd',
    args: ['-d', '0', '-f', configuration, '-h', `ldaps://127.0.0.1:${port}${plain}`],
    logFile: options.logFile,
    readyWhen: () => accepts(port),
    ...(options.onCrash !== undefined && { onCrash: options.onCrash }),
  });
  await running.start();
  return Object.defineProperties({} as Slapd, {
    ...Object.getOwnPropertyDescriptors(running),
    url: { value: `ldaps://localhost:${port}`, enumerable: true },
    baseDn: { value: BASE_DN, enumerable: true },
    bindDn: { value: BIND_DN, enumerable: true },
    bindPassword: { value: bindPassword, enumerable: true },
  });
}

function fill(dir: string, configuration: string, entries: string): void {
  const file = join(dir, 'people.ldif');
  writeFileSync(file, entries, { mode: 0o600 });
  const added = spawnSync('/usr/sbin/slapadd', ['-f', configuration, '-l', file], { encoding: 'utf8' });
  rmSync(file);
  if (added.status !== 0) throw new Error(`slapadd: ${added.stderr}`);
}

function configurationIn(dir: string): string {
  return [
    ...['core', 'cosine', 'inetorgperson'].map((schema) => `include ${SCHEMAS}/${schema}.schema`),
    `pidfile ${join(dir, 'slapd.pid')}`,
    'modulepath /usr/lib/ldap',
    'moduleload back_mdb',
    'moduleload memberof',
    `TLSCertificateFile ${join(dir, 'certificate.pem')}`,
    `TLSCertificateKeyFile ${join(dir, 'key.pem')}`,
    'database mdb',
    `suffix "${BASE_DN}"`,
    `directory ${join(dir, 'data')}`,
    'index uid,mail,entryUUID eq',
    'access to attrs=userPassword by anonymous auth by * none',
    'access to * by users read by * none',
    // After the database that it belongs to.
    'overlay memberof',
    '',
  ].join('\n');
}

function ldif(people: readonly SlapdPerson[], groups: readonly SlapdGroup[], bindPassword: string): string {
  const base64 = (text: string) => Buffer.from(text).toString('base64');
  const entries = [
    [`dn: ${BASE_DN}`, 'objectClass: dcObject', 'objectClass: organization', 'o: Example', 'dc: example'],
    [`dn: ou=people,${BASE_DN}`, 'objectClass: organizationalUnit', 'ou: people'],
    [
      `dn: ${BIND_DN}`,
      'objectClass: organizationalRole',
      'objectClass: simpleSecurityObject',
      'cn: countersign',
      `userPassword: ${bindPassword}`,
    ],
    ...(groups.length === 0
      ? []
      : [[`dn: ou=groups,${BASE_DN}`, 'objectClass: organizationalUnit', 'ou: groups'], ...groups.map(groupEntry)]),
    ...people.map(
      ({
        username,
        password,
        displayName = username,
        mail,
        phone,
        workPhone,
        language,
        createTimestamp,
        memberOf = [],
      }) => [
        `dn: uid=${username},ou=people,${BASE_DN}`,
        'objectClass: inetOrgPerson',
        `uid: ${username}`,
        `cn:: ${base64(displayName)}`,
        `sn:: ${base64(displayName)}`,
        `displayName:: ${base64(displayName)}`,
        `userPassword:: ${base64(password)}`,
        ...(mail === undefined ? [] : [`mail: ${mail}`]),
        ...(phone === undefined ? [] : [`mobile: ${phone}`]),
        ...(workPhone === undefined ? [] : [`telephoneNumber: ${workPhone}`]),
        ...(language === undefined ? [] : [`preferredLanguage: ${language}`]),
        ...(createTimestamp === undefined ? [] : [`createTimestamp: ${createTimestamp}`]),
        ...memberOf.map((name) => `memberOf: cn=${name},ou=groups,${BASE_DN}`),
      ],
    ),
  ];
  return `${entries.map((lines) => lines.join('\n')).join('\n\n')}\n`;
}

function groupEntry({ name, members, by }: SlapdGroup): string[] {
  const base64 = (text: string) => Buffer.from(text).toString('base64');
  return [
    `dn:: ${base64(`cn=${name},ou=groups,${BASE_DN}`)}`,
    `objectClass: ${by === 'member' ? 'groupOfNames' : 'groupOfUniqueNames'}`,
    `cn:: ${base64(name)}`,
    ...members.map((dn) => `${by}:: ${base64(dn)}`),
  ];
}
