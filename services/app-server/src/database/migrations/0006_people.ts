import type { Migration } from './migration.ts';

/** What people sign in with besides codes: directories, providers, passkeys, recovery codes. */
export const people: Migration = {
  number: 6,
  name: 'people',
  statements: [
    `create table directory (
      directory_id uuid constraint directory_pkey primary key,
      name text not null constraint directory_name_key unique,
      version integer not null constraint directory_version_positive check (version > 0),
      settings jsonb not null,
      bind_password_sealed text,
      created_at timestamptz not null,
      updated_at timestamptz not null
    )`,
    `alter table app_user
      add column directory_id uuid constraint app_user_directory_fkey references directory on delete set null,
      add column directory_object text,
      add column mail text,
      add column methods text[],
      add column known_since timestamptz,
      add column signed_in_at timestamptz`,
    // One person of a directory is one user, whichever name they came by (R3).
    `create unique index app_user_directory_object_key on app_user (directory_id, directory_object)`,

    // The link is what the provider calls the person for ever, never a mail address (FED-12). One each: a name that the provider gives to
    // somebody else later leads nowhere.
    `create table user_identity (
      issuer text not null,
      subject text not null,
      user_id uuid not null constraint user_identity_user_fkey references app_user on delete cascade,
      created_at timestamptz not null,
      constraint user_identity_pkey primary key (issuer, subject),
      constraint user_identity_user_key unique (issuer, user_id)
    )`,
    `create index user_identity_user_idx on user_identity (user_id)`,

    // WEB-07. Tables of their own, so that the release before meets no authenticator that it does not know.
    `create table passkey (
      passkey_id uuid constraint passkey_pkey primary key,
      user_id uuid not null constraint passkey_user_fkey references app_user on delete cascade,
      label text not null,
      state text not null constraint passkey_state_known check (state in ('pending', 'active')),
      rp_id text not null,
      user_handle bytea not null constraint passkey_user_handle_length check (octet_length(user_handle) between 16 and 64),
      credential_id bytea constraint passkey_credential_key unique,
      public_key bytea,
      sign_count bigint,
      aaguid uuid,
      transports text[],
      backup_eligible boolean,
      backup_state boolean,
      user_verified boolean,
      attestation_format text,
      created_by text not null,
      created_at timestamptz not null,
      expires_at timestamptz,
      confirmed_at timestamptz,
      last_used_at timestamptz,
      constraint passkey_complete check (state = 'pending' or (credential_id is not null and public_key is not null
        and sign_count is not null and backup_eligible is not null and backup_state is not null)),
      constraint passkey_pending_expires check (state = 'active' or expires_at is not null)
    )`,
    `create index passkey_user_idx on passkey (user_id)`,

    // One set a user; a new one takes the place of the one before.
    `create table recovery_set (
      user_id uuid constraint recovery_set_pkey primary key
        constraint recovery_set_user_fkey references app_user on delete cascade,
      set_id uuid not null constraint recovery_set_set_key unique,
      code_macs bytea[] not null constraint recovery_set_some check (cardinality(code_macs) between 1 and 20),
      created_at timestamptz not null
    )`,
    // The primary key is what makes a code good once (ADR 16): the ledger may forget for ever what it lost, this may not.
    `create table recovery_use (
      set_id uuid not null constraint recovery_use_set_fkey references recovery_set (set_id) on delete cascade,
      code_index smallint not null,
      attempt_id text not null,
      used_at timestamptz not null,
      constraint recovery_use_pkey primary key (set_id, code_index)
    )`,
  ],
};
