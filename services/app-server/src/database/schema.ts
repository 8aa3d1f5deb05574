import type { ColumnType, Generated, JSONColumnType } from 'kysely';

/** Every table and column that app-server may name. Kept in step with `migrations/` by `migrate.int.test.ts`. */
export interface Schema {
  app_user: UserTable;
  user_alias: UserAliasTable;
  authenticator: AuthenticatorTable;
  directory: DirectoryTable;
  user_identity: UserIdentityTable;
  passkey: PasskeyTable;
  device: DeviceTable;
  phone_key_set: PhoneKeySetTable;
  recovery_set: RecoverySetTable;
  recovery_use: RecoveryUseTable;
  user_pin: UserPinTable;
  application: ApplicationTable;
  application_key: ApplicationKeyTable;
  application_certificate: ApplicationCertificateTable;
  policy: PolicyTable;
  signing_key: SigningKeyTable;
  key_canary: KeyCanaryTable;
  key_root: KeyRootTable;
  audit_event: AuditEventTable;
  user_ledger: UserLedgerTable;
  projection_checkpoint: ProjectionCheckpointTable;
  ledger_memory: LedgerMemoryTable;
  ledger_layout: LedgerLayoutTable;
  authority: AuthorityTable;
  replica: ReplicaTable;
  schema_migration: SchemaMigrationTable;
  notice: NoticeTable;
  question_answer: QuestionAnswerTable;
  question_try: QuestionTryTable;
  radius_client: RadiusClientTable;
  radius_client_identity: RadiusClientIdentityTable;
  radius_upstream: RadiusUpstreamTable;
  radius_sighting: RadiusSightingTable;
  radius_retransmission: RadiusRetransmissionTable;
  radius_stranger: RadiusStrangerTable;
  radius_report: RadiusReportTable;
}

/** bigint: text on the way out, since it may be past 2^53; a number will do on the way in. */
type BigintText = ColumnType<string, string | number, string | number>;
/** jsonb, written as text that was serialised once and by us. */
type Json = ColumnType<unknown, string, string>;

interface UserTable {
  user_id: string;
  /** As it was written by whoever created the user. How it is found: `user_alias`. */
  username: string;
  display_name: string | null;
  language: string | null;
  status: 'enabled' | 'disabled';
  created_at: Date;
  updated_at: Date;
  directory_id: string | null;
  /** What the directory calls the person for ever: objectGUID or entryUUID, lower-case. */
  directory_object: string | null;
  mail: string | null;
  /** In which order the person wants to be asked; null: as the policy says. */
  methods: string[] | null;
  /** Of whom nobody here has made: since when the directory has had their account; 1970 where it does not say. */
  known_since: Date | null;
  /** At the portal, last. */
  signed_in_at: Date | null;
}

interface DirectoryTable {
  directory_id: string;
  name: string;
  /** Rises by one with each change, so that two administrators do not overwrite each other. */
  version: number;
  settings: JSONColumnType<object>;
  bind_password_sealed: string | null;
  created_at: Date;
  updated_at: Date;
}

interface UserIdentityTable {
  issuer: string;
  subject: string;
  user_id: string;
  created_at: Date;
}

interface PasskeyTable {
  passkey_id: string;
  user_id: string;
  label: string;
  state: 'pending' | 'active';
  rp_id: string;
  user_handle: Buffer;
  /** From here on null while pending. */
  credential_id: Buffer | null;
  /** COSE. */
  public_key: Buffer | null;
  /** As it was projected; the ledger knows the newest. */
  sign_count: BigintText | null;
  aaguid: string | null;
  transports: string[] | null;
  backup_eligible: boolean | null;
  backup_state: boolean | null;
  user_verified: boolean | null;
  attestation_format: string | null;
  attested_model: string | null;
  created_by: string;
  created_at: Date;
  expires_at: Date | null;
  confirmed_at: Date | null;
  last_used_at: Date | null;
}

/** Of an authenticator of type `app`: the phone it is on. */
interface DeviceTable {
  device_id: string;
  /** Keyed hash of the code that is typed to activate it; null once it is. */
  activation_mac: Buffer | null;
  /** The session that began it, where that was let in to enrol the first factor and nothing else. */
  begun_in: string | null;
  /** From here on null while pending. JWK. */
  public_key: ColumnType<unknown, string | null, string | null>;
  /** RFC 7638. */
  key_thumbprint: string | null;
  /** What keeps the private key (DEV-12). */
  key_protection: 'software' | null;
  /** How it is woken; null: not at all. */
  push_sealed: string | null;
  /** The passkey that confirms approvals; all three, or none. */
  passkey_credential_id: Buffer | null;
  /** JWK. */
  passkey_key: ColumnType<unknown, string | null, string | null>;
  /** As it said when it was made; what is copied between devices cannot become what is not (WebAuthn Level 3 section 7.2). */
  passkey_backup_eligible: boolean | null;
}

/** What phones trust, version by version: each is signed by a key of the one before. */
interface PhoneKeySetTable {
  version: number;
  /** The signed set, as phones are given it; null of the first, which they get when they are activated. */
  statement: string | null;
  /** Public halves, the one that signs first. */
  keys: Json;
  /** Of the one that signs. */
  private_sealed: string;
  created_at: Date;
}

interface RecoverySetTable {
  user_id: string;
  set_id: string;
  /** Keyed hashes. */
  code_macs: Buffer[];
  created_at: Date;
}

interface RecoveryUseTable {
  set_id: string;
  code_index: number;
  attempt_id: string;
  used_at: Date;
}

interface UserPinTable {
  user_id: string;
  /** See pin/hash.ts. */
  hash: string;
  /** Those before, newest first. */
  earlier: string[];
  must_change: boolean;
  set_at: Date;
}

interface UserAliasTable {
  /** The canonical spelling, `user/canonical.ts`. Belongs to one user, by its primary key. */
  canonical: string;
  user_id: string;
  /** As it was written. */
  spelling: string;
  is_username: boolean;
}

interface AuthenticatorTable {
  authenticator_id: string;
  user_id: string;
  type: 'totp' | 'phone' | 'app';
  label: string;
  state: 'pending' | 'active';
  secret_sealed: string | null;
  algorithm: 'SHA1' | 'SHA256' | 'SHA512' | null;
  digits: number | null;
  period_seconds: number | null;
  phone_sealed: string | null;
  phone_last_two: string | null;
  /** Keyed hash of the number, so that the same one is found again without opening every row. */
  phone_mac: Buffer | null;
  created_at: Date;
  /** When a pending one is given up. */
  expires_at: Date | null;
  confirmed_at: Date | null;
  last_used_at: Date | null;
}

interface ApplicationTable {
  application_id: string;
  name: string;
  scopes: string[];
  created_at: Date;
}

interface ApplicationKeyTable {
  key_id: string;
  application_id: string;
  /** SHA-256 of the digest that callers present: neither this row nor a captured message alone gives the key. */
  secret_hash: Buffer;
  created_at: Date;
  expires_at: Date | null;
  revoked_at: Date | null;
}

interface ApplicationCertificateTable {
  /** SHA-256 of the DER certificate, lower-case hex. */
  fingerprint: string;
  application_id: string;
  created_at: Date;
}

interface PolicyTable {
  /** `global` or an application's id. */
  scope: string;
  version: number;
  document: JSONColumnType<object>;
  author: string;
  created_at: Date;
}

interface SigningKeyTable {
  kid: string;
  private_sealed: string;
  public_jwk: JSONColumnType<object>;
  created_at: Date;
  signs_from: Date;
  /** Null: still in use, so published without end. */
  published_until: Date | null;
}

interface KeyCanaryTable {
  key_id: string;
  sealed: string;
  created_at: Date;
}

/** What keyed hashes are derived from, sealed; see keys/root.ts. */
interface KeyRootTable {
  purpose: string;
  sealed: string;
  created_at: Date;
}

/** What replicas are admitted with; see replica/authority.ts. */
interface AuthorityTable {
  purpose: string;
  sealed: string;
  /** What is no secret of it. */
  document: Json;
  /** The second of the newest account that NATS was told of, since the epoch. */
  issued_at: BigintText;
  created_at: Date;
}

interface ReplicaTable {
  replica_id: string;
  name: string;
  service: string;
  hosts: string[];
  state: 'invited' | 'active' | 'revoked';
  invited_at: Date;
  invited_by: string;
  /** SHA-256 of the token's secret. */
  secret_hash: Buffer | null;
  invitation_expires_at: Date | null;
  joined_at: Date | null;
  /** SHA-256 of the certificate, hex. */
  fingerprint: string | null;
  /** Counts as well: the answer to a renewal may be lost. */
  previous_fingerprint: string | null;
  certificate_expires_at: Date | null;
  /** Public key of the NATS user. */
  nats_key: string | null;
  postgres_login: string | null;
  revoked_at: Date | null;
  revoked_by: string | null;
  revoked_reason: string | null;
}

interface AuditEventTable {
  at: Date;
  /** AUTH, TRAIL, or `administration` for a change that was made in Postgres itself. */
  stream: string;
  sequence: BigintText;
  attempt_id: string;
  type: string;
  user_id: string | null;
  application_id: string | null;
  challenge_id: string | null;
  method: string | null;
  reason: string | null;
  actor: string | null;
  replica: string | null;
  trace_id: string | null;
  detail: Json;
}

interface UserLedgerTable {
  user_id: string;
  stream_created: Date;
  stream_sequence: BigintText;
  at: Date;
  state: Json;
}

interface ProjectionCheckpointTable {
  stream: string;
  stream_created: Date;
  sequence: BigintText;
  /** Time of the newest event seen. */
  at: Date;
  /** Postgres timeline that the stream was last compared with; another one means that a standby was promoted. */
  timeline: number;
  updated_at: Generated<Date>;
}

/** One row: what the installation is laid out for. */
interface LedgerLayoutTable {
  is_only: Generated<boolean>;
  streams: number;
  /** What was finalized; null: the first. See release/settled.ts. */
  release: number | null;
}

/** How each stream stood when replicas last ran; see ledger/watch.ts. */
interface LedgerMemoryTable {
  /** True in the row of the stream AUTH, by which the version before finds it; null in others. */
  is_only: ColumnType<boolean | null, boolean | null, never>;
  stream: string;
  stream_created: Date;
  /** The one NATS server process that held the stream; null in a cluster. */
  nats_server: string | null;
  floor_at: BigintText;
  /** The run that started last. */
  opened_by: string;
  /** Where the stream ended when the last replica left; null while any runs. */
  closed_at: BigintText | null;
  updated_at: Generated<Date>;
}

interface SchemaMigrationTable {
  number: number;
  name: string;
  checksum: string;
  applied_at: Generated<Date>;
}

/** Somebody to be told, at one place; see notice/sender.ts. */
interface NoticeTable {
  notice_id: string;
  user_id: string;
  /** `passkey.added` */
  kind: string;
  channel: 'sms' | 'mail';
  /** Of a text message: the phone as it was when the change was made, sealed where its own row stands. */
  authenticator_id: string | null;
  phone_sealed: string | null;
  created_at: Date;
  /** Whoever takes it moves this on, so that nobody else does meanwhile. */
  due_at: Date;
  tries: number;
}

interface QuestionAnswerTable {
  user_id: string;
  question: string;
  /** Of keys/argon.ts. */
  answer_hash: string;
  created_at: Date;
}

/** One row for each time that a help desk held answers against those kept; see questions/check.ts. */
interface QuestionTryTable {
  user_id: string;
  attempt_id: string;
  at: Date;
}

interface RadiusClientTable {
  client_id: string;
  name: string;
  /** Rises by one with each change, so that two administrators do not overwrite each other. */
  version: number;
  settings: JSONColumnType<object>;
  secret_sealed: string;
  /** Since when the secret is the one it is. */
  secret_at: Date;
  /** When it first sent a right Message-Authenticator while it was learning (RAD-32). */
  learnt_at: Date | null;
  /** This and the next: as the settings have them. */
  application_id: string;
  upstream_id: string | null;
  created_at: Date;
  updated_at: Date;
}

/** Networks and certificates of clients, in the one spelling that each has. */
interface RadiusClientIdentityTable {
  kind: 'network' | 'fingerprint' | 'name';
  value: string;
  client_id: string;
}

interface RadiusUpstreamTable {
  upstream_id: string;
  name: string;
  version: number;
  settings: JSONColumnType<object>;
  secret_sealed: string;
  created_at: Date;
  updated_at: Date;
}

interface RadiusSightingTable {
  client_id: string;
  sighting: string;
  packets: BigintText;
  first_at: Date;
  last_at: Date;
}

/** What a client did on one day when it was not answered at once. */
interface RadiusRetransmissionTable {
  client_id: string;
  /** Since 1970, in UTC. */
  day: number;
  least_ms: number | null;
  most_ms: number | null;
  tries: number | null;
}

/** Who asked and is no client. */
interface RadiusStrangerTable {
  address: string;
  packets: BigintText;
  first_at: Date;
  last_at: Date;
}

/** Reports that were counted; see radius/report.ts. */
interface RadiusReportTable {
  attempt_id: string;
  at: Date;
}
