import type { Migration } from './migration.ts';

/** Users, authenticators, applications, policies, keys, audit and what is projected of the ledger. */
export const foundation: Migration = {
  number: 1,
  name: 'foundation',
  statements: [
    `create table app_user (
      user_id uuid constraint app_user_pkey primary key,
      username text not null constraint app_user_username_length check (length(username) between 1 and 256),
      display_name text,
      language text,
      status text not null constraint app_user_status_known check (status in ('enabled', 'disabled')),
      created_at timestamptz not null,
      updated_at timestamptz not null
    )`,

    // The primary key is what makes a spelling belong to one user (R3). "C": compared and ordered byte by byte everywhere.
    `create table user_alias (
      canonical text collate "C" constraint user_alias_pkey primary key,
      user_id uuid not null constraint user_alias_user_fkey references app_user on delete cascade,
      spelling text not null,
      is_username boolean not null
    )`,
    `create index user_alias_user_idx on user_alias (user_id)`,
    `create unique index user_alias_username_key on user_alias (user_id) where is_username`,

    `create table authenticator (
      authenticator_id uuid constraint authenticator_pkey primary key,
      user_id uuid not null constraint authenticator_user_fkey references app_user on delete cascade,
      type text not null constraint authenticator_type_known check (type in ('totp', 'phone')),
      label text not null,
      state text not null constraint authenticator_state_known check (state in ('pending', 'active')),
      secret_sealed text,
      algorithm text constraint authenticator_algorithm_known check (algorithm in ('SHA1', 'SHA256', 'SHA512')),
      digits smallint,
      period_seconds smallint,
      phone_sealed text,
      phone_last_two text,
      phone_mac bytea,
      created_at timestamptz not null,
      expires_at timestamptz,
      confirmed_at timestamptz,
      last_used_at timestamptz,
      constraint authenticator_complete check (case type
        when 'totp' then secret_sealed is not null and algorithm is not null and digits is not null
          and period_seconds is not null
        else phone_sealed is not null and phone_last_two is not null and phone_mac is not null end),
      constraint authenticator_pending_expires check (state = 'active' or expires_at is not null)
    )`,
    `create index authenticator_user_idx on authenticator (user_id)`,
    `create index authenticator_phone_idx on authenticator (phone_mac) where phone_mac is not null`,

    `create table application (
      application_id uuid constraint application_pkey primary key,
      name text not null constraint application_name_key unique,
      scopes text[] not null constraint application_scopes_some check (cardinality(scopes) > 0),
      created_at timestamptz not null
    )`,
    `create table application_key (
      key_id text constraint application_key_pkey primary key,
      application_id uuid not null constraint application_key_application_fkey references application on delete cascade,
      secret_hash bytea not null constraint application_key_hash_length check (octet_length(secret_hash) = 32),
      created_at timestamptz not null,
      expires_at timestamptz,
      revoked_at timestamptz
    )`,
    `create index application_key_application_idx on application_key (application_id)`,
    `create table application_certificate (
      fingerprint text constraint application_certificate_pkey primary key
        constraint application_certificate_form check (fingerprint ~ '^[0-9a-f]{64}$'),
      application_id uuid not null
        constraint application_certificate_application_fkey references application on delete cascade,
      created_at timestamptz not null
    )`,
    `create index application_certificate_application_idx on application_certificate (application_id)`,

    // Every version stays: what was in force at a login can be told later. So no foreign key to the application either.
    `create table policy (
      scope text,
      version integer constraint policy_version_positive check (version > 0),
      document jsonb not null,
      author text not null,
      created_at timestamptz not null,
      constraint policy_pkey primary key (scope, version)
    )`,

    `create table signing_key (
      kid text constraint signing_key_pkey primary key,
      private_sealed text not null,
      public_jwk jsonb not null,
      created_at timestamptz not null,
      signs_from timestamptz not null,
      published_until timestamptz
    )`,
    `create table key_canary (
      key_id text constraint key_canary_pkey primary key,
      sealed text not null,
      created_at timestamptz not null
    )`,
    `create table key_root (
      purpose text constraint key_root_pkey primary key,
      sealed text not null,
      created_at timestamptz not null
    )`,

    // Ids are text here: an event is kept whatever it says.
    `create table audit_event (
      at timestamptz not null,
      stream text not null,
      sequence bigint not null,
      attempt_id text not null,
      type text not null,
      user_id text,
      application_id text,
      challenge_id text,
      method text,
      reason text,
      actor text,
      replica text,
      trace_id text,
      detail jsonb not null,
      constraint audit_event_pkey primary key (at, stream, sequence, attempt_id)
    ) partition by range (at)`,
    `create index audit_event_user_idx on audit_event (user_id, at)`,
    `create index audit_event_type_idx on audit_event (type, at)`,
    `create index audit_event_change_idx on audit_event (attempt_id) where stream = 'administration'`,

    `create function audit_event_refuse_change() returns trigger language plpgsql as $$
    begin
      raise exception 'audit_event is append-only' using errcode = 'insufficient_privilege';
    end $$`,
    `create trigger audit_event_append_only before update or delete on audit_event
      for each row execute function audit_event_refuse_change()`,

    // Runs as its owner, so that the service may have its months made without the right to make or drop tables. The path is
    // fixed to this schema, so that no caller can put other tables in the place of these.
    `do $do$ begin execute format($function$
      create function audit_event_make_month(month date) returns void language plpgsql security definer
        set search_path = %I, pg_temp as $body$
      declare
        first timestamp := date_trunc('month', month);
        partition text := 'audit_event_' || to_char(first, 'YYYY_MM');
      begin
        if to_regclass(partition) is not null then
          return;
        end if;
        perform pg_advisory_xact_lock(hashtextextended('countersign.audit_event_make_month', 0));
        if to_regclass(partition) is not null then
          return;
        end if;
        -- Whoever waited for the lock may still not see what the other made.
        begin
        execute format('create table %%I partition of audit_event for values from (%%L) to (%%L)',
          partition, first at time zone 'UTC', (first + interval '1 month') at time zone 'UTC');
        execute format('create trigger %%I before truncate on %%I execute function audit_event_refuse_change()',
          partition || '_no_truncate', partition);
        exception when duplicate_table or duplicate_object then
          null;
        end;
      end $body$
      $function$, current_schema()); end $do$`,
    `revoke execute on function audit_event_make_month(date) from public`,

    `create table user_ledger (
      user_id uuid constraint user_ledger_pkey primary key,
      stream_created timestamptz not null,
      stream_sequence bigint not null,
      at timestamptz not null,
      state jsonb not null
    )`,
    `create table projection_checkpoint (
      stream text,
      stream_created timestamptz,
      sequence bigint not null,
      at timestamptz not null,
      timeline integer not null,
      updated_at timestamptz not null default now(),
      constraint projection_checkpoint_pkey primary key (stream, stream_created)
    )`,
  ],
};
