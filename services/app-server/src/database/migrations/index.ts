import { foundation } from './0001_foundation.ts';
import type { Migration } from './migration.ts';

/** Every migration, in order. */
export const MIGRATIONS: readonly Migration[] = [foundation];
