import { spawn, execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, readdirSync, readFileSync, renameSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { accepts, startProcess, waitUntil, type RunningProcess } from '@countersign/testkit';

const SSHD = '/usr/sbin/sshd';
/** PAM knows a program by the name it was started by. */
const SERVICE = 'countersign-sshd';
/** Nobody else has it. */
const FIRST_USER_ID = 64_000;

export interface SshdOptions {
  dir: string;
  port: number;
  /** The RADIUS server, and the address that it is asked from. */
  radius: { port: number; secret: string; from: string; timeoutSeconds: number };
  /** Accounts of its machine. */
  usernames: readonly string[];
  logFile: string;
}

/**
 * sshd whose passwords pam_radius holds. The accounts, the PAM service and its folder in /run are there in a mount namespace of its own:
 * the machine has none of them.
 */
export function startSshd({ dir, port, radius, usernames, logFile }: SshdOptions): Promise<RunningProcess> {
  const at = (name: string) => join(dir, name);
  mkdirSync(at('pam.d'), { recursive: true });
  mkdirSync(at('run/sshd'), { recursive: true });
  execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', at('host_key')]);
  const accounts = usernames.map((name, n) => `${name}:x:${FIRST_USER_ID + n}:65534::/:/bin/sh`);
  writeFileSync(at('passwd'), `${readFileSync('/etc/passwd', 'utf8')}${accounts.join('\n')}\n`);
  writeFileSync(
    at('radius.conf'),
    `127.0.0.1:${radius.port} ${radius.secret} ${radius.timeoutSeconds} ${radius.from}\n`,
    { mode: 0o600 },
  );
  writeFileSync(
    at(`pam.d/${SERVICE}`),
    [
      `auth required pam_radius_auth.so conf=${at('radius.conf')}`,
      'account required pam_permit.so',
      'session required pam_permit.so',
      '',
    ].join('\n'),
  );
  writeFileSync(
    at('sshd_config'),
    [
      `Port ${port}`,
      'ListenAddress 127.0.0.1',
      `HostKey ${at('host_key')}`,
      'PidFile none',
      'UsePAM yes',
      'KbdInteractiveAuthentication yes',
      'AuthenticationMethods keyboard-interactive',
      'LoginGraceTime 120',
      'UseDNS no',
      '',
    ].join('\n'),
  );
  symlinkSync(SSHD, at(SERVICE));
  const script = [
    'mount --bind "$1/pam.d" /etc/pam.d',
    'mount --bind "$1/passwd" /etc/passwd',
    'mount --bind "$1/run" /run',
    `exec "$1/${SERVICE}" -D -e -f "$1/sshd_config"`,
  ].join(' && ');
  return startProcess({
    name: 'sshd',
    command: '/usr/bin/unshare',
    args: ['--mount', '/bin/sh', '-c', script, 'sh', dir],
    logFile,
    readyWhen: () => accepts(port),
  });
}

/** Somebody at a terminal, who is asked one thing after another. */
export interface SshLogin {
  /** The n-th thing that they are asked, from 0. @throws Error when the login is over before, or it does not come. */
  prompt(n: number): Promise<string>;
  answer(n: number, text: string): void;
  /** `output` of the command that they ran, once they are in. */
  readonly ended: Promise<{ code: number | null; output: string; errors: string }>;
}

/** Logs in, by keyboard-interactive alone, and runs `id -un`. */
export function ssh(dir: string, port: number, username: string): SshLogin {
  const [asked, answered] = [join(dir, 'asked'), join(dir, 'answered')];
  mkdirSync(asked, { recursive: true });
  mkdirSync(answered);
  const askpass = join(dir, 'askpass');
  writeFileSync(
    askpass,
    [
      '#!/bin/sh',
      `n=$(ls '${asked}' | wc -l)`,
      `printf %s "$1" > '${dir}/asking' && mv '${dir}/asking' "${asked}/$n"`,
      `while ! [ -e "${answered}/$n" ]; do sleep 0.05; done`,
      `cat "${answered}/$n"`,
      '',
    ].join('\n'),
  );
  chmodSync(askpass, 0o700);
  const options = [
    'StrictHostKeyChecking=no',
    'UserKnownHostsFile=/dev/null',
    'LogLevel=ERROR',
    'PreferredAuthentications=keyboard-interactive',
    'NumberOfPasswordPrompts=1',
  ].flatMap((option) => ['-o', option]);
  const child = spawn('ssh', ['-F', 'none', '-p', String(port), ...options, `${username}@127.0.0.1`, 'id', '-un'], {
    env: { PATH: process.env['PATH'], SSH_ASKPASS: askpass, SSH_ASKPASS_REQUIRE: 'force' },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let [output, errors, isOver] = ['', '', false];
  child.stdout.setEncoding('utf8').on('data', (text: string) => (output += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (errors += text));
  const ended = new Promise<{ code: number | null; output: string; errors: string }>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => {
      isOver = true;
      resolve({ code, output: output.trim(), errors });
    });
  });
  return {
    prompt: async (n) => {
      const isAsked = () => readdirSync(asked).includes(String(n));
      await waitUntil(isAsked, { timeoutMs: 30_000, everyMs: 50, what: `prompt ${n}`, until: () => isOver });
      if (!isAsked()) throw new Error(`the login is over: ${errors}`);
      return readFileSync(join(asked, String(n)), 'utf8');
    },
    answer: (n, text) => {
      const file = join(dir, 'answering');
      writeFileSync(file, `${text}\n`, { mode: 0o600 });
      renameSync(file, join(answered, String(n)));
    },
    ended,
  };
}
