import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { bareEnvironment } from './bare-environment.ts';
import { CHECKOUT, type Stack } from './stack.ts';

const MAIN = join(CHECKOUT, 'packages/cli/src/main.ts');

export interface Ended {
  code: number;
  out: string;
  err: string;
}

/** `countersign …` as an administrator runs it: a process of its own, the key from the environment. */
export function commandLine(
  { natsAdmin: { url, user, password }, adminApiKey }: Pick<Stack, 'natsAdmin' | 'adminApiKey'>,
  folder: string,
  words: readonly string[],
): Promise<Ended> {
  const env = {
    ...bareEnvironment(),
    COUNTERSIGN_NATS_URLS: url,
    COUNTERSIGN_NATS_USER: user,
    COUNTERSIGN_NATS_PASSWORD: password,
    COUNTERSIGN_ADMIN_KEY: adminApiKey,
  };
  return new Promise((resolve) => {
    const args = ['--conditions=source', MAIN, ...words];
    execFile(process.execPath, args, { cwd: folder, env }, (error, out, err) => {
      resolve({ code: typeof error?.code === 'number' ? error.code : 0, out, err });
    });
  });
}
