import { argon2Sync, type Argon2Parameters } from 'node:crypto';
import { parentPort } from 'node:worker_threads';

/** One thread of argon2.ts: takes one job at a time. */
parentPort?.on('message', (job: Argon2Parameters) => {
  parentPort?.postMessage(argon2Sync('argon2id', job), []);
});
