import type { Migration } from './migration.ts';

/** Who belongs to the installation, what admits them, and their own database logins. */
export const replicas: Migration = {
  number: 4,
  name: 'replicas',
  statements: [
    `create table authority (
      purpose text constraint authority_pkey primary key,
      sealed text not null,
      document jsonb not null,
      issued_at bigint not null default 0,
      created_at timestamptz not null
    )`,
    `create table replica (
      replica_id text constraint replica_pkey primary key,
      name text collate "C" not null,
      service text not null,
      hosts text[] not null,
      state text not null constraint replica_state_known check (state in ('invited', 'active', 'revoked')),
      invited_at timestamptz not null,
      invited_by text not null,
      secret_hash bytea,
      invitation_expires_at timestamptz,
      joined_at timestamptz,
      fingerprint text,
      previous_fingerprint text,
      certificate_expires_at timestamptz,
      nats_key text,
      postgres_login text,
      revoked_at timestamptz,
      revoked_by text,
      revoked_reason text,
      constraint replica_active_complete check (state <> 'active'
        or (joined_at is not null and fingerprint is not null and certificate_expires_at is not null)),
      constraint replica_revoked_said check ((state = 'revoked') = (revoked_at is not null))
    )`,
    // A name is one replica's, until that one is revoked.
    `create unique index replica_name_key on replica (name) where state <> 'revoked'`,
    `create index replica_fingerprint_idx on replica (fingerprint) where fingerprint is not null`,

    // With the owner's rights, so that app-server needs no right to make roles: it can make members of its own group, whose
    // password it knows as a verifier alone (RFC 5802), and nothing else.
    `create function replica_login_make(login text, verifier text) returns void language plpgsql security definer
      set search_path = pg_catalog, pg_temp as $body$
    begin
      if login !~ '^countersign_r_[a-z][a-z0-9_]{0,47}$' or verifier !~ '^SCRAM-SHA-256\\$4096:[A-Za-z0-9+/=]+\\$[A-Za-z0-9+/=]+:[A-Za-z0-9+/=]+$' then
        raise exception 'not a login of a replica' using errcode = 'invalid_parameter_value';
      end if;
      if exists (select from pg_roles where rolname = login) then
        execute format('alter role %I login password %L', login, verifier);
        return;
      end if;
      execute format('create role %I login inherit nosuperuser nocreatedb nocreaterole noreplication password %L in role countersign_service', login, verifier);
    end $body$`,
    `revoke execute on function replica_login_make(text, text) from public`,
    `create function replica_login_end(login text) returns void language plpgsql security definer
      set search_path = pg_catalog, pg_temp as $body$
    begin
      if login !~ '^countersign_r_[a-z][a-z0-9_]{0,47}$' then
        raise exception 'not a login of a replica' using errcode = 'invalid_parameter_value';
      end if;
      if not exists (select from pg_roles where rolname = login) then
        return;
      end if;
      execute format('alter role %I nologin password null', login);
      -- Only members may end the sessions of a role.
      execute format('grant %I to %I', login, current_user);
    end $body$`,
    `revoke execute on function replica_login_end(text) from public`,
    // Apart from the change, because a standby has sessions too and changes nothing.
    `create function replica_login_cut(login text) returns integer language sql security definer
      set search_path = pg_catalog, pg_temp as $body$
      select count(pg_terminate_backend(pid))::integer from pg_stat_activity
      where usename = login and login ~ '^countersign_r_[a-z][a-z0-9_]{0,47}$'
    $body$`,
    `revoke execute on function replica_login_cut(text) from public`,
  ],
};
