import { attestation } from './0010_attestation.ts';
import { devicePasskeys } from './0012_device_passkeys.ts';
import { foundation } from './0001_foundation.ts';
import { ledgerMemory } from './0002_ledger_memory.ts';
import { ledgerStreams } from './0003_ledger_streams.ts';
import { replicas } from './0004_replicas.ts';
import { settledRelease } from './0005_settled_release.ts';
import { people } from './0006_people.ts';
import { pin } from './0007_pin.ts';
import { notices } from './0008_notices.ts';
import { questions } from './0009_questions.ts';
import { phones } from './0011_phones.ts';
import { radius } from './0013_radius.ts';
import type { Migration } from './migration.ts';

/** Every migration, in order. */
export const MIGRATIONS: readonly Migration[] = [
  foundation,
  ledgerMemory,
  ledgerStreams,
  replicas,
  settledRelease,
  people,
  pin,
  notices,
  questions,
  attestation,
  phones,
  devicePasskeys,
  radius,
];
