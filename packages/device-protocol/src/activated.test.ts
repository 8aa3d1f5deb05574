import { beforeAll, describe, expect, test } from 'vitest';
import { signActivated, verifyActivated, type Activated } from './activated.ts';
import { signStatement } from './statement.ts';
import { party, withText, type Party } from './testing/party.ts';

let device: Party;
let server: Party;
let next: Party;
let stranger: Party;
let activated: Activated;
let expected: Parameters<typeof verifyActivated>[1];
beforeAll(async () => {
  [device, server, next, stranger] = await Promise.all([party(), party(), party(), party()]);
  activated = {
    v: 1,
    activationId: 'activation-0123456789',
    deviceId: 'device-0123456789',
    keyThumbprint: device.thumbprint,
    keySet: { v: 1, version: 3, at: 1_800_000_000_000, keys: [next.publicKey, server.publicKey] },
    organisation: 'Clinic',
    user: 'alice@example.com',
    at: 1_800_000_000_001,
  };
  expected = {
    activationId: activated.activationId,
    keyThumbprint: device.thumbprint,
    serverKeyThumbprint: server.thumbprint,
  };
});

/** Signed by the server whatever it says, as a server of another mind might. */
const signedAnyway = (change: object) => signStatement('mfa-activated+jws', { ...activated, ...change }, server.signer);

test('DEV-11: is taken from the key that the QR code pinned, wherever in the set it stands', async () => {
  const statement = await signActivated(activated, server.signer);

  expect(await verifyActivated(statement, expected)).toEqual(activated);
});

describe('is not taken', () => {
  test.each<[string, () => Record<string, unknown>]>([
    ['activationId', () => ({ activationId: 'activation-9876543210' })],
    ['deviceId', () => ({ deviceId: 'device-9876543210' })],
    ['keyThumbprint', () => ({ keyThumbprint: stranger.thumbprint })],
    ['keySet', () => ({ keySet: { ...activated.keySet, keys: [stranger.publicKey, server.publicKey] } })],
    ['organisation', () => ({ organisation: 'Another clinic' })],
    ['user', () => ({ user: 'bob@example.com' })],
    ['at', () => ({ at: activated.at + 1 })],
  ])('with another %s than was signed', async (_, change) => {
    const altered = { ...activated, ...change() };
    const statement = withText(await signActivated(activated, server.signer), altered);

    expect(
      await verifyActivated(statement, { ...expected, ...('activationId' in change() && change()) }),
    ).toBeUndefined();
  });

  test.each<[string, () => Partial<typeof expected>]>([
    ['another activation', () => ({ activationId: 'activation-9876543210' })],
    ['another device key', () => ({ keyThumbprint: stranger.thumbprint })],
    ['another server', () => ({ serverKeyThumbprint: stranger.thumbprint })],
    ['a key of the set that did not sign', () => ({ serverKeyThumbprint: next.thumbprint })],
  ])('by whom %s was promised', async (_, change) => {
    const statement = await signActivated(activated, server.signer);

    expect(await verifyActivated(statement, { ...expected, ...change() })).toBeUndefined();
  });

  test.each<[string, () => Promise<string>]>([
    [
      'a stranger signed it with a set of his own',
      () =>
        signActivated({ ...activated, keySet: { ...activated.keySet, keys: [stranger.publicKey] } }, stranger.signer),
    ],
    [
      'a stranger signed it in the name of the pinned key',
      () => signActivated(activated, { ...stranger.signer, keyId: server.thumbprint }),
    ],
    ['another key of the set signed it', () => signActivated(activated, next.signer)],
    [
      'the pinned key is not of the set',
      () => signedAnyway({ keySet: { ...activated.keySet, keys: [next.publicKey] } }),
    ],
    [
      'a key of the set lies beside the curve',
      () =>
        signedAnyway({
          keySet: {
            ...activated.keySet,
            keys: [server.publicKey, { ...next.publicKey, y: next.publicKey.x }],
          },
        }),
    ],
    ['it is of another type', () => signStatement('mfa-activation+jws', activated, server.signer)],
    ['it is of another version', () => signedAnyway({ v: 2 })],
    ['it holds a member more', () => signedAnyway({ extra: true })],
    ['the set holds a member more', () => signedAnyway({ keySet: { ...activated.keySet, extra: true } })],
    ['the set has no version', () => signedAnyway({ keySet: { ...activated.keySet, version: 0 } })],
    ['the organisation has no name', () => signedAnyway({ organisation: '' })],
    ['the organisation has two lines', () => signedAnyway({ organisation: 'Clinic\nhttps://clinic.example' })],
    ['the name of the user is turned round', () => signedAnyway({ user: 'alice\u202Emoc.elpmaxe@' })],
    ['it is nonsense', () => Promise.resolve('nonsense')],
    ['it is nothing', () => Promise.resolve('')],
    ['its text is none', async () => (await signedAnyway({})).replace(/\.[^.]*\./, '.!.')],
  ])('when %s', async (_, statement) => {
    expect(await verifyActivated(await statement(), expected)).toBeUndefined();
  });

  test.each(['v', 'activationId', 'deviceId', 'keyThumbprint', 'keySet', 'organisation', 'user', 'at'])(
    'without %s',
    async (name) => {
      const { [name as keyof Activated]: _, ...rest } = activated;
      const statement = await signStatement('mfa-activated+jws', rest, server.signer);

      expect(await verifyActivated(statement, expected)).toBeUndefined();
    },
  );
});

test('what no phone would accept is not signed', async () => {
  await expect(signActivated({ ...activated, organisation: 'Clinic\n2' }, server.signer)).rejects.toThrow(TypeError);
});
