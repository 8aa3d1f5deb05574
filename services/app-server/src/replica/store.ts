import type { Founder } from '@countersign/authority';
import type { Kysely, Selectable } from 'kysely';
import type { Router } from '../database/router.ts';
import type { Schema } from '../database/schema.ts';

type Database = Kysely<Schema>;
export type ReplicaRow = Selectable<Schema['replica']>;

export async function insertFounder(db: Database, founder: Founder, now: Date): Promise<void> {
  await db
    .insertInto('replica')
    .values({
      replica_id: `founder-${founder.fingerprint.slice(0, 16)}`,
      name: founder.name,
      service: founder.service,
      hosts: founder.hosts,
      state: 'active',
      invited_at: now,
      invited_by: 'countersign cluster init',
      joined_at: now,
      fingerprint: founder.fingerprint,
      certificate_expires_at: new Date(founder.expiresAt),
      nats_key: founder.natsKey ?? null,
      postgres_login: founder.postgresLogin ?? null,
    })
    .execute();
}

export interface Invitation {
  replicaId: string;
  name: string;
  service: string;
  hosts: readonly string[];
  secretHash: Buffer;
  expiresAt: Date;
  invitedBy: string;
}

/** @returns false when the name is taken. An invitation that ran out takes no name. */
export async function insertInvitation(db: Database, invitation: Invitation, now: Date): Promise<boolean> {
  await db
    .updateTable('replica')
    .set({ state: 'revoked', revoked_at: now, revoked_by: 'countersign', revoked_reason: 'the invitation ran out' })
    .where('name', '=', invitation.name)
    .where('state', '=', 'invited')
    .where('invitation_expires_at', '<=', now)
    .execute();
  const inserted = await db
    .insertInto('replica')
    .values({
      replica_id: invitation.replicaId,
      name: invitation.name,
      service: invitation.service,
      hosts: [...invitation.hosts],
      state: 'invited',
      invited_at: now,
      invited_by: invitation.invitedBy,
      secret_hash: invitation.secretHash,
      invitation_expires_at: invitation.expiresAt,
    })
    .onConflict((conflict) => conflict.doNothing())
    .executeTakeFirst();
  return inserted.numInsertedOrUpdatedRows === 1n;
}

export async function getReplica(router: Router, replicaId: string): Promise<ReplicaRow | undefined> {
  return router.read(
    (db) => db.selectFrom('replica').selectAll().where('replica_id', '=', replicaId).executeTakeFirst(),
    { from: 'primary' },
  );
}

export interface Admitted {
  fingerprint: string;
  certificateExpiresAt: Date;
  natsKey: string | null;
  postgresLogin: string | null;
}

/** The one change that spends a token: of two that show it, one finds the invitation open (claim, don't check). */
export async function claimInvitation(
  db: Database,
  replicaId: string,
  secretHash: Buffer,
  admitted: Admitted,
  now: Date,
): Promise<boolean> {
  const updated = await db
    .updateTable('replica')
    .set({
      state: 'active',
      joined_at: now,
      secret_hash: null,
      fingerprint: admitted.fingerprint,
      certificate_expires_at: admitted.certificateExpiresAt,
      nats_key: admitted.natsKey,
      postgres_login: admitted.postgresLogin,
    })
    .where('replica_id', '=', replicaId)
    .where('state', '=', 'invited')
    .where('secret_hash', '=', secretHash)
    .where('invitation_expires_at', '>', now)
    .executeTakeFirst();
  return updated.numUpdatedRows === 1n;
}

/** Whose certificate it is, while it counts. */
export async function findByCertificate(router: Router, fingerprint: string): Promise<ReplicaRow | undefined> {
  return router.read(
    (db) =>
      db
        .selectFrom('replica')
        .selectAll()
        .where('state', '=', 'active')
        .where((where) =>
          where.or([where('fingerprint', '=', fingerprint), where('previous_fingerprint', '=', fingerprint)]),
        )
        .executeTakeFirst(),
    { from: 'primary' },
  );
}

/** @returns false when it was revoked, or renewed with the same certificate, meanwhile. */
export async function replaceCertificate(
  db: Database,
  replicaId: string,
  shown: string,
  { fingerprint, expiresAt }: { fingerprint: string; expiresAt: Date },
): Promise<boolean> {
  const updated = await db
    .updateTable('replica')
    .set({ fingerprint, previous_fingerprint: shown, certificate_expires_at: expiresAt })
    .where('replica_id', '=', replicaId)
    .where('state', '=', 'active')
    .where((where) => where.or([where('fingerprint', '=', shown), where('previous_fingerprint', '=', shown)]))
    .executeTakeFirst();
  return updated.numUpdatedRows === 1n;
}

/** @returns false when nobody of the name is active or invited. */
export async function revokeByName(
  db: Database,
  name: string,
  { by, reason, at }: { by: string; reason: string; at: Date },
): Promise<boolean> {
  const updated = await db
    .updateTable('replica')
    .set({ state: 'revoked', secret_hash: null, revoked_at: at, revoked_by: by, revoked_reason: reason })
    .where('name', '=', name)
    .where('state', '!=', 'revoked')
    .executeTakeFirst();
  return updated.numUpdatedRows === 1n;
}

/** The newest of the name that was revoked. Ask the primary. */
export async function lastRevoked(db: Database, name: string): Promise<ReplicaRow | undefined> {
  return db
    .selectFrom('replica')
    .selectAll()
    .where('name', '=', name)
    .where('state', '=', 'revoked')
    .orderBy('revoked_at', 'desc')
    .limit(1)
    .executeTakeFirst();
}

const CLOCKS_DIFFER_MS = 86_400_000;

/** Keys that NATS must refuse, as long as credentials for them could still be good. */
export async function revokedKeys(router: Router, now: Date): Promise<string[]> {
  const rows = await router.read(
    (db) =>
      db
        .selectFrom('replica')
        .select('nats_key')
        .where('state', '=', 'revoked')
        .where('nats_key', 'is not', null)
        .where('certificate_expires_at', '>', new Date(now.getTime() - CLOCKS_DIFFER_MS))
        .execute(),
    { from: 'primary' },
  );
  return rows.flatMap(({ nats_key: key }) => (key === null ? [] : [key]));
}

export async function listReplicas(router: Router, all: boolean): Promise<ReplicaRow[]> {
  return router.read(
    (db) => {
      const query = db.selectFrom('replica').selectAll().orderBy('name').orderBy('invited_at');
      return (all ? query : query.where('state', '!=', 'revoked')).execute();
    },
    { lane: 'report', from: 'primary' },
  );
}
