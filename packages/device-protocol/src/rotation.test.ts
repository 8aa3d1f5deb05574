import { beforeAll, describe, expect, test } from 'vitest';
import { signRotation, verifyRotation, type Rotation } from './rotation.ts';
import { signStatement } from './statement.ts';
import { party, withText, type Party } from './testing/party.ts';

let old: Party;
let fresh: Party;
let stranger: Party;
let rotation: Rotation;
beforeAll(async () => {
  [old, fresh, stranger] = await Promise.all([party(), party(), party()]);
  rotation = {
    v: 1,
    deviceId: 'device-0123456789',
    from: old.thumbprint,
    to: fresh.thumbprint,
    at: 1_800_000_000_000,
  };
});

const signedAnyway = (change: object) => signStatement('mfa-rotation+jws', { ...rotation, ...change }, fresh.signer);

test('DEV-26: is taken from the new key, for the device and the key that it has now', async () => {
  const statement = await signRotation(rotation, fresh.privateKey);

  expect(await verifyRotation(statement, fresh.publicKey, rotation)).toEqual(rotation);
});

describe('is not taken', () => {
  test.each<[keyof Rotation, () => Partial<Rotation>]>([
    ['deviceId', () => ({ deviceId: 'device-9876543210' })],
    ['from', () => ({ from: stranger.thumbprint })],
    ['to', () => ({ to: stranger.thumbprint })],
    ['at', () => ({ at: rotation.at + 1 })],
  ])('with another %s than was signed', async (_, change) => {
    const altered = { ...rotation, ...change() };
    const statement = withText(await signRotation(rotation, fresh.privateKey), altered);

    expect(await verifyRotation(statement, fresh.publicKey, altered)).toBeUndefined();
  });

  test.each<[string, () => Partial<Rotation>]>([
    ['another device', () => ({ deviceId: 'device-9876543210' })],
    ['a device that has another key now', () => ({ from: stranger.thumbprint })],
  ])('for %s', async (_, change) => {
    const statement = await signRotation(rotation, fresh.privateKey);

    expect(await verifyRotation(statement, fresh.publicKey, { ...rotation, ...change() })).toBeUndefined();
  });

  test.each<[string, () => Promise<string>]>([
    [
      'the old key signed it in the name of the new one',
      () => signStatement('mfa-rotation+jws', rotation, { ...old.signer, keyId: fresh.thumbprint }),
    ],
    ['the old key signed it', () => signStatement('mfa-rotation+jws', rotation, old.signer)],
    ['it names another key than signed it', () => signedAnyway({ to: stranger.thumbprint })],
    ['it is of another type', () => signStatement('mfa-activation+jws', rotation, fresh.signer)],
    ['it is of another version', () => signedAnyway({ v: 2 })],
    ['it holds a member more', () => signedAnyway({ extra: true })],
    ['it is nonsense', () => Promise.resolve('nonsense')],
  ])('when %s', async (_, statement) => {
    expect(await verifyRotation(await statement(), fresh.publicKey, rotation)).toBeUndefined();
  });

  test.each(['v', 'deviceId', 'from', 'to', 'at'])('without %s', async (name) => {
    const { [name as keyof Rotation]: _, ...rest } = rotation;
    const statement = await signStatement('mfa-rotation+jws', rest, fresh.signer);

    expect(await verifyRotation(statement, fresh.publicKey, rotation)).toBeUndefined();
  });

  test('with another new key beside it, or one that is none', async () => {
    const statement = await signRotation(rotation, fresh.privateKey);

    expect(await verifyRotation(statement, stranger.publicKey, rotation)).toBeUndefined();
    expect(await verifyRotation(statement, { ...fresh.publicKey, y: fresh.publicKey.x }, rotation)).toBeUndefined();
    expect(await verifyRotation(statement, { kty: 'EC', crv: 'P-256' } as never, rotation)).toBeUndefined();
  });

  test('from a key to itself: nothing would have changed', async () => {
    const toItself = { ...rotation, from: fresh.thumbprint };

    expect(
      await verifyRotation(await signRotation(toItself, fresh.privateKey), fresh.publicKey, toItself),
    ).toBeUndefined();
  });
});
