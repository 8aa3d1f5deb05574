import type { Migration } from './migration.ts';

/** Apps that approve logins: authenticators with a key of their own, and the keys that we sign with for them. */
export const phones: Migration = {
  number: 11,
  name: 'phones',
  // Both checks take what they took before, and one type more.
  unusedSince: '0.1.0',
  statements: [
    `alter table authenticator drop constraint authenticator_type_known`,
    `alter table authenticator add constraint authenticator_type_known check (type in ('totp', 'phone', 'app'))`,
    `alter table authenticator drop constraint authenticator_complete`,
    `alter table authenticator add constraint authenticator_complete check (case type
      when 'totp' then secret_sealed is not null and algorithm is not null and digits is not null
        and period_seconds is not null
      when 'app' then secret_sealed is null and phone_sealed is null
      else phone_sealed is not null and phone_last_two is not null and phone_mac is not null end)`,
    `create table device (
      device_id uuid constraint device_pkey primary key
        constraint device_authenticator_fkey references authenticator on delete cascade,
      activation_mac bytea constraint device_activation_key unique,
      begun_in text,
      public_key jsonb,
      key_thumbprint text constraint device_thumbprint_key unique,
      key_protection text constraint device_protection_known check (key_protection in ('software')),
      push_sealed text,
      constraint device_key_complete check ((public_key is null) = (key_thumbprint is null)
        and (public_key is null) = (key_protection is null))
    )`,
    `create table phone_key_set (
      version integer constraint phone_key_set_pkey primary key,
      statement text,
      keys jsonb not null,
      private_sealed text not null,
      created_at timestamptz not null,
      constraint phone_key_set_first check ((version = 1) = (statement is null))
    )`,
  ],
};
