import { spawnSync } from 'node:child_process';
import { chownSync, lchownSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { findSetpriv } from './setpriv.ts';

/** Whom PostgreSQL runs as. It refuses to run as root. */
export interface PostgresUser {
  /** Puts whatever drops the rights in front of a command. */
  wrap(command: string, args: readonly string[]): [string, string[]];
  /** Gives a file or folder (not what is in it) to that user. */
  give(path: string): void;
  /** Gives a folder and everything in it to that user. */
  giveAll(path: string): void;
}

const myself: PostgresUser = {
  wrap: (command, args) => [command, [...args]],
  give: () => undefined,
  giveAll: () => undefined,
};

/**
 * Root becomes `postgres` where that user exists, else `nobody`. When the binaries or the data lie where that user may not go (a
 * checkout in /root), it keeps exactly one right of root's: to pass through folders (CAP_DAC_READ_SEARCH, or CAP_DAC_OVERRIDE
 * in containers that lack the first). Anybody else runs PostgreSQL as themselves.
 *
 * @param program An executable of PostgreSQL.
 * @param directory An existing folder that will hold the data.
 * @throws Error with what to do, when root has no way to drop its rights.
 */
export function postgresUser(program: string, directory: string): PostgresUser {
  if (process.getuid?.() !== 0) return myself;
  const setpriv = findSetpriv();
  if (setpriv === undefined) {
    throw new Error(
      'PostgreSQL refuses to run as root, and setpriv (package util-linux) is not here to change the user.',
    );
  }
  const account = accountOf('postgres') ?? accountOf('nobody');
  if (account === undefined) throw new Error('PostgreSQL refuses to run as root: add a user named postgres.');

  const drop = ['--reuid', String(account.uid), '--regid', String(account.gid), '--clear-groups', '--no-new-privs'];
  const keep = ['dac_read_search', 'dac_override'].map((right) => [
    `--inh-caps=-all,+${right}`,
    `--ambient-caps=-all,+${right}`,
    // Without this bit access(2) forgets the right again for everybody but root, and initdb asks access(2).
    '--securebits=+no_setuid_fixup',
  ]);
  const ways = [['--inh-caps=-all', '--ambient-caps=-all'], ...keep];
  const errors: string[] = [];
  for (const way of ways) {
    const options = [...drop, ...way];
    const reach = spawnSync(
      setpriv,
      [...options, '/bin/sh', '-c', 'cd "$0" && exec "$1" --version', directory, program],
      {
        encoding: 'utf8',
      },
    );
    // PostgreSQL goes on after a warning that it may not read its own binary, and fails later.
    if (reach.status === 0 && reach.stderr === '') return dropped(setpriv, options, account);
    errors.push(reach.stderr.trim());
  }
  throw new Error(`The user ${account.name} cannot be made to run ${program} in ${directory}:\n${errors.join('\n')}`);
}

function dropped(setpriv: string, options: string[], account: { uid: number; gid: number }): PostgresUser {
  const giveAll = (path: string) => {
    lchownSync(path, account.uid, account.gid);
    for (const entry of readdirSync(path, { recursive: true, withFileTypes: true })) {
      lchownSync(join(entry.parentPath, entry.name), account.uid, account.gid);
    }
  };
  return {
    wrap: (command, args) => [setpriv, [...options, command, ...args]],
    give: (path) => chownSync(path, account.uid, account.gid),
    giveAll,
  };
}

function accountOf(name: string): { name: string; uid: number; gid: number } | undefined {
  const line = readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .find((row) => row.startsWith(`${name}:`));
  const [, , uid, gid] = line?.split(':') ?? [];
  return uid === undefined || gid === undefined ? undefined : { name, uid: Number(uid), gid: Number(gid) };
}
