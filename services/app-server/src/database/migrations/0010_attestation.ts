import type { Migration } from './migration.ts';

export const attestation: Migration = {
  number: 10,
  name: 'attestation',
  // The model, as its maker calls it, of a key that was held against the metadata of FIDO; null of any other.
  statements: [`alter table passkey add attested_model text`],
};
