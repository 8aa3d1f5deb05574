import type { Check } from '@countersign/contracts';
import type { Directory, ServerCheck } from '../directory/directory.ts';

/** Less than the doctor waits for everything. */
const WITHIN_MS = 3000;

export interface DirectoriesView {
  all(): readonly Pick<Directory, 'name' | 'checkServers'>[];
  unopened(): readonly string[];
}

/** Each server of each directory, asked as a sign-in asks it. No password of anybody is tried. */
export async function checkDirectories(directories: DirectoriesView): Promise<Check[]> {
  const unopened = directories.unopened().map((name): Check => ({
    name: `directory.${name}`,
    level: 'fail',
    detail: 'no key of the ring opens the password of its service account: it is not asked',
    advice: `Give it anew: countersign directories update ${JSON.stringify(name)} --password`,
  }));
  const asked = directories
    .all()
    .map(async (directory) => checkDirectory(directory.name, await directory.checkServers(WITHIN_MS)));
  return [...unopened, ...(await Promise.all(asked))];
}

export function checkDirectory(directory: string, servers: readonly ServerCheck[]): Check {
  const name = `directory.${directory}`;
  const silent = servers.filter(({ ok }) => !ok);
  if (silent.length === 0) {
    const slowest = Math.max(...servers.map(({ ms }) => ms));
    return { name, level: 'ok', detail: `${servers.length} of ${servers.length} servers answer, in ${slowest} ms` };
  }
  const reasons = silent.map(({ url, problem }) => `${url}: ${problem ?? 'unknown'}`).join('; ');
  const look = `See each server with: countersign directories check ${JSON.stringify(directory)}`;
  if (silent.length < servers.length) {
    return {
      name,
      level: 'warn',
      detail: `${silent.length} of ${servers.length} servers do not answer: ${reasons}`,
      advice: `The others are asked. ${look}`,
    };
  }
  return {
    name,
    level: 'fail',
    detail: `no server answers, nobody signs in by its passwords: ${reasons}`,
    advice: `${look}. What to do about each answer: docs/operations/directory.md.`,
  };
}
