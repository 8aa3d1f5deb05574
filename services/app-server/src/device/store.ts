import { MfaError } from '@countersign/contracts';
import { parsePasskeyKey, parsePublicKey, type PasskeyKey, type PublicKeyJwk } from '@countersign/device-protocol';
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
  /** What confirms its approvals, where its owner has added one. */
  passkey: DevicePasskey | undefined;
}

export interface DevicePasskey {
  /** Base64url. */
  credentialId: string;
  key: PasskeyKey;
  /** As it said when it was made. */
  isBackupEligible: boolean;
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

/** From here on the key counts. @throws MfaError DEVICE_UNKNOWN when it is gone, or its key was changed meanwhile; REQUEST_INVALID for a key that another device has. */
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
  if (updated.numUpdatedRows !== 1n) throw new MfaError('DEVICE_UNKNOWN');
}

/** @returns false when there is no such device. */
export async function keepPush(db: Database, deviceId: string, pushSealed: string | null): Promise<boolean> {
  const { numUpdatedRows } = await db
    .updateTable('device')
    .set({ push_sealed: pushSealed })
    .where('device_id', '=', deviceId)
    .executeTakeFirst();
  return numUpdatedRows === 1n;
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

/**
 * Gives a phone its passkey, unless it has one.
 * @returns false when it has this very one already.
 * @throws MfaError DEVICE_UNKNOWN; REQUEST_INVALID when it has another one; PASSKEY_REJECTED when another phone has this one.
 */
export async function keepPasskey(db: Database, deviceId: string, passkey: DevicePasskey): Promise<boolean> {
  const row = await db
    .selectFrom('device')
    .select('passkey_credential_id')
    .where('device_id', '=', deviceId)
    .forUpdate()
    .executeTakeFirst();
  if (row === undefined) throw new MfaError('DEVICE_UNKNOWN');
  if (row.passkey_credential_id?.toString('base64url') === passkey.credentialId) return false;
  if (row.passkey_credential_id !== null) {
    throw new MfaError('REQUEST_INVALID', { detail: 'This phone has a passkey. Remove that one first.' });
  }
  await db
    .updateTable('device')
    .set({
      passkey_credential_id: Buffer.from(passkey.credentialId, 'base64url'),
      passkey_key: JSON.stringify(passkey.key),
      passkey_backup_eligible: passkey.isBackupEligible,
    })
    .where('device_id', '=', deviceId)
    .execute()
    .catch((error: unknown) => {
      if (violatedConstraint(error) !== 'device_passkey_credential_key') throw error;
      throw new MfaError('PASSKEY_REJECTED', { reason: 'passkey_enrolled' });
    });
  return true;
}

/** @returns whether the phone had it until now. */
export async function forgetPasskey(db: Database, deviceId: string, credentialId: string): Promise<boolean> {
  const updated = await db
    .updateTable('device')
    .set({ passkey_credential_id: null, passkey_key: null, passkey_backup_eligible: null })
    .where('device_id', '=', deviceId)
    .where('passkey_credential_id', '=', Buffer.from(credentialId, 'base64url'))
    .executeTakeFirst();
  return updated.numUpdatedRows === 1n;
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
    .select([
      'd.device_id',
      'd.begun_in',
      'd.public_key',
      'd.key_thumbprint',
      'd.push_sealed',
      'd.passkey_credential_id',
      'd.passkey_key',
      'd.passkey_backup_eligible',
      'a.user_id',
      'a.label',
    ]);
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
    passkey: passkeyOf(row),
  };
}

/** @throws TypeError for a key that we would not have kept: an approval that it should confirm must not go on without it. */
function passkeyOf(row: Row): DevicePasskey | undefined {
  if (row.passkey_credential_id === null) return undefined;
  return {
    credentialId: row.passkey_credential_id.toString('base64url'),
    key: parsePasskeyKey(row.passkey_key),
    isBackupEligible: row.passkey_backup_eligible === true,
  };
}
