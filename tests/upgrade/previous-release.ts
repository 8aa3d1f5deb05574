import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { CHECKOUT } from '../stack.ts';

const run = promisify(execFile);

export interface Release {
  version: string;
  /** Counted; see services/app-server/src/release/release.ts. */
  release: number;
  /** Where git holds it. */
  commit: string;
  /** Checksums of the migrations that it applies, by name. */
  migrations: Readonly<Record<string, string>>;
}

/** Written anew with each release; see CONTRIBUTING.md. */
export const PREVIOUS = JSON.parse(readFileSync(join(import.meta.dirname, 'previous-release.json'), 'utf8')) as Release;

const SERVICES = ['--filter', '@countersign/app-server...', '--filter', '@countersign/sdk-gateway...'];
const STATE = join(CHECKOUT, '.countersign');

/**
 * The previous release as it was, with the packages of its own lockfile; kept between runs.
 * @returns the folder of its checkout.
 * @throws Error with what to do when git does not hold it, or its packages cannot be installed.
 */
export async function previousRelease({ version, commit } = PREVIOUS): Promise<string> {
  const folder = join(STATE, 'releases', commit);
  const stamp = join(folder, '.complete');
  if (existsSync(stamp)) return folder;
  await run('git', ['cat-file', '-e', `${commit}^{commit}`], { cwd: CHECKOUT }).catch((cause: unknown) => {
    throw new Error(
      `git does not hold ${commit}, which is version ${version}, and upgrades are tried from it. ` +
        `In a clone without its whole history run: git fetch --unshallow. An unpacked archive has none: clone the repository.`,
      { cause },
    );
  });
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const archive = join(folder, 'release.tar');
  await run('git', ['archive', '--format=tar', `--output=${archive}`, commit], { cwd: CHECKOUT });
  await run('tar', ['--extract', '--file', archive, '--directory', folder]);
  rmSync(archive);
  await install(folder, version);
  writeFileSync(stamp, '');
  return folder;
}

/** From what pnpm keeps on this machine, else from the registry. */
async function install(folder: string, version: string): Promise<void> {
  const own = join(STATE, 'tools', 'node_modules', '.bin', 'pnpm');
  const pnpm = existsSync(own) ? own : 'pnpm';
  const wanted = ['install', '--frozen-lockfile', '--prod', ...SERVICES];
  await run(pnpm, [...wanted, '--offline'], { cwd: folder })
    .catch(() => run(pnpm, wanted, { cwd: folder }))
    .catch((cause: unknown) => {
      throw new Error(
        `The packages of version ${version} cannot be installed in ${folder}. npm test brings pnpm; the registry must be reachable.`,
        { cause },
      );
    });
}
