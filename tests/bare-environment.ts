import { join } from 'node:path';
import { CHECKOUT } from '../infra/dev/layout.ts';

/** Of our own environment only what a program of ours needs: a variable of this machine must not change a test. */
export function bareEnvironment(): Record<string, string> {
  return {
    PATH: process.env['PATH'] ?? '',
    TZ: 'UTC',
    // Most programs of a test start many times, and compile for longer than they work.
    NODE_COMPILE_CACHE: join(CHECKOUT, '.countersign', 'compile-cache'),
  };
}
