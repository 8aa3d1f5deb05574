import { MfaError } from '@countersign/contracts';
import { parsePublicKey, type PublicKeyJwk } from '@countersign/device-protocol';
import type { Kysely } from 'kysely';
import { violatedConstraint } from '../database/failure.ts';
import type { Lane } from '../database/node.ts';
import type { Router } from '../database/router.ts';
import type { Schema } from '../database/schema.ts';

type Database = Kysely<Schema>;

/** A phone that can sign. */
export interface Device {
  deviceId: string;
  userId: string;
  label: string;
  publicKey: PublicKeyJwk;
  keyThumbprint: string;
  pushSealed: string | undefined;
}

/** One that waits for its phone. */
export interface PendingDevice {
  deviceId: string;
  userId: string;
  label: string;
  /** The session that began it, where that was let in to enrol the first factor and nothing else. */
  begunIn: string | undefined;
}

/** Where the sealed subscription for wake-ups stands. */
export function pushAt(deviceId: string): string {
  return `device/push_sealed/${deviceId}`;
}

export async function insertDevice(
  db: Database,
  device: { deviceId: string; activationMac: Buffer; begunIn: string | undefined },
): Promise<void> {
  await db
    .insertInto('device')
    .values({
      device_id: device.deviceId,
      activation_mac: device.activationMac,
      begun_in: device.begunIn ?? null,
      public_key: null,
      key_thumbprint: null,
      key_protection: null,
      push_sealed: null,
    })
    .execute();
}

/** Those of a person, with a phone or still without. */
export async function devicesOf(db: Database, userId: string): Promise<PendingDevice[]> {
  const rows = await joined(db).where('a.user_id', '=', userId).execute();
  return rows.map(pendingOf);
}

/** Which one waits for whoever types a code. */
export async function deviceOfCode(router: Router, activationMac: Buffer): Promise<PendingDevice | undefined> {
  const row = await router.read(
    (db) =>
      joined(db)
        .where('d.activation_mac', '=', activationMac)
        .where('a.state', '=', 'pending')
        .where('a.expires_at', '>', (eb) => eb.fn<Date>('now'))
        .executeTakeFirst(),
    { from: 'primary' },
  );
  return row === undefined ? undefined : pendingOf(row);
}

/** From here on the key counts. @throws MfaError AUTHENTICATOR_NOT_FOUND, REQUEST_INVALID for a key that another device has. */
export async function keepKey(
  db: Database,
  deviceId: string,
  key: { publicKey: PublicKeyJwk; keyThumbprint: string; replaces?: string },
): Promise<void> {
  const updated = await db
    .updateTable('device')
    .set({
      public_key: JSON.stringify(key.publicKey),
      key_thumbprint: key.keyThumbprint,
      // A browser keeps it, and proves nothing of how (DEV-12).
      key_protection: 'software',
      activation_mac: null,
    })
    .where('device_id', '=', deviceId)
    .$if(key.replaces !== undefined, (query) => query.where('key_thumbprint', '=', key.replaces ?? ''))
    .executeTakeFirst()
    .catch((error: unknown) => {
      if (violatedConstraint(error) !== 'device_thumbprint_key') throw error;
      throw new MfaError('REQUEST_INVALID', { detail: 'Another device has this key. Make a new one.' });
    });
  if (updated.numUpdatedRows !== 1n) throw new MfaError('AUTHENTICATOR_NOT_FOUND');
}

export async function keepPush(db: Database, deviceId: string, pushSealed: string | null): Promise<void> {
  await db.updateTable('device').set({ push_sealed: pushSealed }).where('device_id', '=', deviceId).execute();
}

export async function readPush(db: Database, deviceId: string): Promise<string | undefined> {
  const row = await db.selectFrom('device').select('push_sealed').where('device_id', '=', deviceId).executeTakeFirst();
  return row?.push_sealed ?? undefined;
}

/** @param pushSealed as it was read: another one stays. */
export async function forgetPushOf(db: Database, deviceId: string, pushSealed: string): Promise<void> {
  await db
    .updateTable('device')
    .set({ push_sealed: null })
    .where('device_id', '=', deviceId)
    .where('push_sealed', '=', pushSealed)
    .execute();
}

/** By what a request says of its key. Active ones only. */
export async function readByThumbprint(
  router: Router,
  keyThumbprint: string,
  options: { from?: 'primary'; lane?: Lane } = {},
): Promise<Device | undefined> {
  const row = await router.read(
    (db) => joined(db).where('d.key_thumbprint', '=', keyThumbprint).where('a.state', '=', 'active').executeTakeFirst(),
    options,
  );
  return row === undefined ? undefined : deviceOf(row);
}

/** Those of a person that can be woken. */
export async function readWakeable(router: Router, userId: string): Promise<Device[]> {
  const rows = await router.read((db) =>
    joined(db)
      .where('a.user_id', '=', userId)
      .where('a.state', '=', 'active')
      .where('d.push_sealed', 'is not', null)
      .execute(),
  );
  return rows.flatMap((row) => deviceOf(row) ?? []);
}

function joined(db: Database) {
  return db
    .selectFrom('device as d')
    .innerJoin('authenticator as a', 'a.authenticator_id', 'd.device_id')
    .select(['d.device_id', 'd.begun_in', 'd.public_key', 'd.key_thumbprint', 'd.push_sealed', 'a.user_id', 'a.label']);
}

type Row = Awaited<ReturnType<ReturnType<typeof joined>['execute']>>[number];

function pendingOf(row: Row): PendingDevice {
  return { deviceId: row.device_id, userId: row.user_id, label: row.label, begunIn: row.begun_in ?? undefined };
}

function deviceOf(row: Row): Device | undefined {
  const publicKey = parsePublicKey(row.public_key);
  if (publicKey === undefined || row.key_thumbprint === null) return undefined;
  return {
    deviceId: row.device_id,
    userId: row.user_id,
    label: row.label,
    publicKey,
    keyThumbprint: row.key_thumbprint,
    pushSealed: row.push_sealed ?? undefined,
  };
}
