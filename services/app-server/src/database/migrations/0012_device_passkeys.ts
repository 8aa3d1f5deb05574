import type { Migration } from './migration.ts';

/** Passkeys of phones, which confirm what is approved on them. */
export const devicePasskeys: Migration = {
  number: 12,
  name: 'device_passkeys',
  statements: [
    `alter table device
      add column passkey_credential_id bytea constraint device_passkey_credential_key unique,
      add column passkey_key jsonb,
      add column passkey_backup_eligible boolean,
      add constraint device_passkey_complete check ((passkey_credential_id is null) = (passkey_key is null)
        and (passkey_credential_id is null) = (passkey_backup_eligible is null))`,
  ],
};
