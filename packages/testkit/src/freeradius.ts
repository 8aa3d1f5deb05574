import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { prepareProcess, type RunningProcess } from './process.ts';

/** Somebody whom the server knows. */
export interface FreeRadiusUser {
  username: string;
  password: string;
  /** Base32 (RFC 6238). Then what is typed is a code, and never the password. */
  totpSecret?: string;
  /** Of the Access-Accept, by name, as FreeRADIUS writes values: `{ 'Filter-Id': '"staff"' }`. */
  reply?: Readonly<Record<string, string>>;
}

export interface FreeRadiusOptions {
  /** Folder for its configuration. */
  dir: string;
  port: number;
  secret: string;
  users: readonly FreeRadiusUser[];
  /** MS-CHAP and MS-CHAPv2, with keys of 128 bits. */
  mschap?: boolean;
  /** EAP-MD5 and EAP-MSCHAPv2; with a certificate also EAP-TTLS and PEAP. */
  eap?: boolean | { certificatePem: string; keyPem: string; authorityPem: string };
  /** Requests without one are dropped. */
  requireMessageAuthenticator?: boolean;
  /** Its answers carry a Message-Authenticator, which this version leaves out on its own. True unless given. */
  signs?: boolean;
  logFile: string;
}

export interface FreeRadius extends RunningProcess {
  readonly port: number;
}

const PROGRAM = '/usr/sbin/freeradius';
/** What an Access-Reject keeps of what was meant for an Access-Accept (RFC 2865 section 5.44). */
const OF_REJECT =
  'DEFAULT\n\tEAP-Message =* ANY,\n\tState =* ANY,\n\tMS-CHAP-Error =* ANY,\n\tReply-Message =* ANY,\n\tProxy-State =* ANY\n';
const DICTIONARY = '/usr/share/freeradius/dictionary';

export function hasFreeRadius(): boolean {
  return existsSync(PROGRAM) && existsSync(DICTIONARY);
}

/** Starts FreeRADIUS on 127.0.0.1 and, where this machine has it, ::1. It reads nothing of the machine's own configuration. */
export async function startFreeRadius(options: FreeRadiusOptions): Promise<FreeRadius> {
  const { dir, port } = options;
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  const write = (name: string, text: string) => writeFileSync(join(dir, name), text, { mode: 0o600 });
  write('dictionary', `$INCLUDE ${DICTIONARY}\n`);
  write('users', options.users.map(userEntry).join('\n'));
  write('of-reject', OF_REJECT);
  write('radiusd.conf', configuration(options));
  if (typeof options.eap === 'object') {
    write('certificate.pem', options.eap.certificatePem);
    write('key.pem', options.eap.keyPem);
    write('authority.pem', options.eap.authorityPem);
  }
  const running: RunningProcess = prepareProcess({
    name: 'freeradius',
    command: PROGRAM,
    args: ['-f', '-l', 'stdout', '-d', dir],
    logFile: options.logFile,
    readyWhen: () => running.tail().includes('Ready to process requests'),
  });
  await running.start();
  return Object.defineProperties({} as FreeRadius, {
    ...Object.getOwnPropertyDescriptors(running),
    port: { value: port, enumerable: true },
  });
}

function userEntry({ username, password, totpSecret, reply = {} }: FreeRadiusUser): string {
  // Between single quotes nothing is expanded.
  const quoted = (text: string) => `'${text.replaceAll(/['\\]/g, (character) => `\\${character}`)}'`;
  const lines = Object.entries(reply).map(([name, value]) => `\t${name} = ${value}`);
  const checked =
    totpSecret === undefined
      ? `Cleartext-Password := ${quoted(password)}`
      : `TOTP-Secret := ${quoted(totpSecret)}, Auth-Type := TOTP`;
  return `${quoted(username)} ${checked}\n${lines.join(',\n')}\n`;
}

function configuration({ dir, port, secret, mschap = false, eap = false, ...options }: FreeRadiusOptions): string {
  const isOn = (name: string, on: boolean) => (on ? [name] : []);
  const anyEap = eap !== false;
  const tls = typeof eap === 'object';
  const totp = options.users.some(({ totpSecret }) => totpSecret !== undefined);
  const modules = ['files', ...isOn('mschap', mschap || anyEap), ...isOn('eap', anyEap), 'pap'];
  const needsSignature = options.requireMessageAuthenticator === true ? 'yes' : 'no';
  const client = (name: string, address: string) =>
    block(`client ${name}`, [address, `secret = ${secret}`, `require_message_authenticator = ${needsSignature}`]);
  const listen = (address: string) => block('listen', ['type = auth', address, `port = ${port}`]);
  const authenticate = block('authenticate', [
    block('Auth-Type PAP', ['pap']),
    ...isOn(block('Auth-Type MS-CHAP', ['mschap']), mschap || anyEap),
    ...isOn('eap', anyEap),
    ...isOn(
      block('Auth-Type TOTP', [block('update request', ['TOTP-Password := &request:User-Password']), 'totp']),
      totp,
    ),
  ]);
  const sign = options.signs === false ? [] : [block('update reply', ['Message-Authenticator := 0x00'])];
  const addresses = ['ipaddr = 127.0.0.1', ...isOn('ipv6addr = ::1', existsSync('/proc/net/if_inet6'))];
  const tlsModules = [
    block('tls-config common', [
      `private_key_file = ${join(dir, 'key.pem')}`,
      `certificate_file = ${join(dir, 'certificate.pem')}`,
      `ca_file = ${join(dir, 'authority.pem')}`,
      'tls_min_version = "1.2"',
      'tls_max_version = "1.2"',
      'ecdh_curve = "prime256v1"',
    ]),
    block('ttls', ['tls = common', 'default_eap_type = md5', 'virtual_server = inner']),
    block('peap', ['tls = common', 'default_eap_type = mschapv2', 'virtual_server = inner']),
  ];
  return [
    'prefix = /usr',
    'libdir = /usr/lib/freeradius',
    `raddbdir = ${dir}`,
    `logdir = ${dir}`,
    `run_dir = ${dir}`,
    'max_requests = 16384',
    'cleanup_delay = 5',
    'hostname_lookups = no',
    // The default delay makes every refusal of a test a second slower.
    block('security', ['max_attributes = 200', 'reject_delay = 0', 'status_server = yes']),
    'proxy_requests = no',
    block('thread pool', ['start_servers = 1', 'max_servers = 2', 'min_spare_servers = 1', 'max_spare_servers = 1']),
    block('modules', [
      block('always ok', ['rcode = ok']),
      block('files', [`filename = ${join(dir, 'users')}`]),
      block('pap', []),
      ...isOn(block('totp', []), totp),
      block('attr_filter of_reject', ['key = "%{User-Name}"', `filename = ${join(dir, 'of-reject')}`]),
      block('mschap', ['use_mppe = yes', 'require_encryption = yes', 'require_strong = yes']),
      ...isOn(
        block('eap', [
          'default_eap_type = md5',
          'timer_expire = 60',
          block('md5', []),
          block('mschapv2', []),
          ...(tls ? tlsModules : []),
        ]),
        anyEap,
      ),
    ]),
    ...addresses.map((address, index) => client(`near${index}`, address)),
    block('server default', [
      ...addresses.map(listen),
      block('authorize', [...modules, block('Autz-Type Status-Server', [...sign, 'ok'])]),
      authenticate,
      block('post-auth', [
        ...isOn(
          // The name outside the tunnel, which its EAP puts there, makes room for the other.
          [
            block('if (&session-state:User-Name)', [block('update reply', ['User-Name !* ANY'])]),
            block('update', ['&reply: += &session-state:']),
          ].join('\n'),
          tls,
        ),
        ...sign,
        block('Post-Auth-Type REJECT', ['of_reject', ...sign]),
      ]),
    ]),
    ...isOn(
      block('server inner', [
        block('authorize', modules),
        authenticate,
        // Outside the tunnel people may call themselves anything: with the yes comes who it was.
        block('post-auth', [block('update outer.session-state', ['User-Name := &User-Name'])]),
      ]),
      tls,
    ),
    '',
  ].join('\n');
}

/** Its language knows no two statements on one line. */
function block(name: string, lines: readonly string[]): string {
  return [`${name} {`, ...lines, '}'].join('\n');
}
