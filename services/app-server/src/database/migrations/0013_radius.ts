import type { Migration } from './migration.ts';

/** RADIUS clients, the upstream servers that hold passwords for them, and what radius-servers have seen of whom. */
export const radius: Migration = {
  number: 13,
  name: 'radius',
  statements: [
    `create table radius_upstream (
      upstream_id uuid constraint radius_upstream_pkey primary key,
      name text not null constraint radius_upstream_name_key unique,
      version integer not null constraint radius_upstream_version_positive check (version > 0),
      settings jsonb not null,
      secret_sealed text not null,
      created_at timestamptz not null,
      updated_at timestamptz not null
    )`,

    // Application and upstream stand in the settings as well; here they keep what they name from being deleted.
    `create table radius_client (
      client_id uuid constraint radius_client_pkey primary key,
      name text not null constraint radius_client_name_key unique,
      version integer not null constraint radius_client_version_positive check (version > 0),
      settings jsonb not null,
      secret_sealed text not null,
      secret_at timestamptz not null,
      learnt_at timestamptz,
      application_id uuid not null constraint radius_client_application_fkey references application,
      upstream_id uuid constraint radius_client_upstream_fkey references radius_upstream,
      created_at timestamptz not null,
      updated_at timestamptz not null
    )`,
    `create index radius_client_application_idx on radius_client (application_id)`,
    `create index radius_client_upstream_idx on radius_client (upstream_id) where upstream_id is not null`,

    // By what a client is known. The primary key is what keeps two from sharing it: no reading before could.
    `create table radius_client_identity (
      kind text constraint radius_client_identity_kind_known check (kind in ('network', 'fingerprint', 'name')),
      value text,
      client_id uuid not null constraint radius_client_identity_client_fkey references radius_client on delete cascade,
      constraint radius_client_identity_pkey primary key (kind, value)
    )`,
    `create index radius_client_identity_client_idx on radius_client_identity (client_id)`,

    `create table radius_sighting (
      client_id uuid constraint radius_sighting_client_fkey references radius_client on delete cascade,
      sighting text,
      packets bigint not null constraint radius_sighting_packets_positive check (packets > 0),
      first_at timestamptz not null,
      last_at timestamptz not null,
      constraint radius_sighting_pkey primary key (client_id, sighting)
    )`,
    // By day, so that what was before the timeouts of a product were mended is forgotten.
    `create table radius_retransmission (
      client_id uuid constraint radius_retransmission_client_fkey references radius_client on delete cascade,
      day integer,
      least_ms integer,
      most_ms integer,
      tries integer,
      constraint radius_retransmission_pkey primary key (client_id, day),
      constraint radius_retransmission_complete check ((least_ms is null) = (most_ms is null)
        and (least_ms is not null or tries is not null))
    )`,
    `create table radius_stranger (
      address text constraint radius_stranger_pkey primary key,
      packets bigint not null constraint radius_stranger_packets_positive check (packets > 0),
      first_at timestamptz not null,
      last_at timestamptz not null
    )`,
    `create index radius_stranger_last_idx on radius_stranger (last_at)`,
    // What was counted already: a report that comes again adds nothing.
    `create table radius_report (
      attempt_id text constraint radius_report_pkey primary key,
      at timestamptz not null
    )`,
    `create index radius_report_at_idx on radius_report (at)`,
  ],
};
