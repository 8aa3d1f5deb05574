import { mkdtempSync, renameSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DEFAULT_POLICY, type Policy } from '@countersign/contracts';
import { silentLogger } from '@countersign/telemetry';
import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { fits } from './assertion.ts';
import { MetadataFile } from './metadata-file.ts';
import { readMetadata, type Metadata } from './metadata.ts';
import { registrationOptions, verifyRegistration, type RegistrationFacts } from './registration.ts';
import { relyingPartyOf } from './relying-party.ts';
import { SoftwareAuthenticator, type Switches } from './testing/authenticator.ts';
import { metadataFile, testAuthority, type TestAuthority, type TestModel } from './testing/maker.ts';

const ORIGIN = 'https://portal.example.com';
const KNOWN = '11111111-1111-1111-1111-111111111111';
const OTHER = '22222222-2222-2222-2222-222222222222';
const NOW = Date.now();
const POLICY: Policy['passkeys'] = { ...DEFAULT_POLICY.passkeys, attestation: 'hardware' };

let fido: TestAuthority;
let maker: TestAuthority;
let stranger: TestAuthority;

beforeAll(async () => {
  [fido, maker, stranger] = await Promise.all([testAuthority(), testAuthority(), testAuthority()]);
});

async function metadataOf(model: TestModel): Promise<Metadata> {
  const blob = await metadataFile(await fido.issue({}), { models: [{ aaguid: KNOWN, roots: [maker.der], ...model }] });
  return readMetadata(blob, NOW, fido.pem);
}

async function register(
  switches: Switches,
  { model = {}, policy = POLICY, metadata }: { model?: TestModel; policy?: Policy['passkeys']; metadata?: null } = {},
) {
  const facts: RegistrationFacts = {
    relyingParty: relyingPartyOf(ORIGIN),
    organisation: 'Example',
    challenge: Buffer.alloc(32, 1),
    username: 'alice',
    displayName: undefined,
    userHandle: Buffer.alloc(64, 9),
    enrolled: [],
    policy,
  };
  const options = await registrationOptions(facts);
  const answer = new SoftwareAuthenticator(ORIGIN).create(options, switches);
  const judgedBy = { metadata: metadata === null ? undefined : await metadataOf(model), now: NOW };
  return { options, registered: await verifyRegistration(facts, answer, judgedBy) };
}

describe('WEB-08: where the policy asks for the make of a key', () => {
  test('one whose maker vouches for it is taken, and its model is kept', async () => {
    const attestation = await maker.issue({});
    const { options, registered } = await register({ aaguid: KNOWN, attestation }, { model: { description: 'Key 5' } });
    expect(options).toMatchObject({ attestation: 'direct' });
    expect(registered).toMatchObject({
      passkey: { aaguid: KNOWN, attestationFormat: 'packed', attestedModel: 'Key 5' },
    });
  });

  test.each<[string, string, Switches]>([
    ['says nothing of its make, as software does', 'unattested', { aaguid: KNOWN }],
    ['vouches for itself', 'unattested', { aaguid: KNOWN, attestation: 'self' }],
  ])('one that %s is refused', async (_, refused, switches) => {
    expect((await register(switches)).registered).toEqual({ refused });
  });

  test('one that another authority vouches for is refused', async () => {
    const attestation = await stranger.issue({});
    expect((await register({ aaguid: KNOWN, attestation })).registered).toEqual({ refused: 'maker' });
  });

  test('one under a certificate that may sign none is refused', async () => {
    const middle = await maker.issue({ name: 'CN=Root of a test' });
    const leaf = await stranger.issue({});
    const attestation = { ...leaf, chain: [...leaf.chain, ...middle.chain] };
    expect((await register({ aaguid: KNOWN, attestation })).registered).toEqual({ refused: 'maker' });
  });

  test('a statement that the key of another certificate signed is refused', async () => {
    const [attestation, other] = await Promise.all([maker.issue({}), maker.issue({})]);
    const swapped = { ...attestation, privateKey: other.privateKey };
    expect((await register({ aaguid: KNOWN, attestation: swapped })).registered).toMatchObject({ refused: 'invalid' });
  });

  test('a model that nobody knows is refused', async () => {
    const attestation = await maker.issue({});
    expect((await register({ aaguid: OTHER, attestation })).registered).toEqual({ refused: 'model' });
  });

  test('a model that software keeps is refused', async () => {
    const attestation = await maker.issue({});
    const model = { keyProtection: ['software'] };
    expect((await register({ aaguid: KNOWN, attestation }, { model })).registered).toEqual({ refused: 'model' });
  });

  test.each([
    ['REVOKED'],
    ['USER_VERIFICATION_BYPASS'],
    ['ATTESTATION_KEY_COMPROMISE'],
    ['USER_KEY_REMOTE_COMPROMISE'],
    ['USER_KEY_PHYSICAL_COMPROMISE'],
  ])('a model of which %s is known is refused', async (status) => {
    const attestation = await maker.issue({});
    const model = { statuses: ['FIDO_CERTIFIED', status, 'UPDATE_AVAILABLE'] };
    expect((await register({ aaguid: KNOWN, attestation }, { model })).registered).toEqual({ refused: 'compromised' });
  });

  test('one that can be copied is refused, also where copied ones are taken otherwise', async () => {
    const attestation = await maker.issue({});
    expect((await register({ aaguid: KNOWN, attestation, be: true })).registered).toEqual({ refused: 'copied' });
  });

  test('one that is not on the list is refused, and one on it is taken', async () => {
    const attestation = await maker.issue({});
    const only = (models: string[]) => register({ aaguid: KNOWN, attestation }, { policy: { ...POLICY, models } });
    expect((await only([OTHER])).registered).toEqual({ refused: 'model' });
    expect((await only([OTHER, KNOWN])).registered).toMatchObject({ passkey: { aaguid: KNOWN } });
  });

  test('without metadata none is taken', async () => {
    const attestation = await maker.issue({});
    const { registered } = await register({ aaguid: KNOWN, attestation }, { metadata: null });
    expect(registered).toEqual({ refused: 'metadata' });
  });

  test('where it does not, nobody is asked, and nothing is proved', async () => {
    const { options, registered } = await register(
      { aaguid: KNOWN },
      { policy: DEFAULT_POLICY.passkeys, metadata: null },
    );
    expect(options).toMatchObject({ attestation: 'none' });
    expect(registered).toMatchObject({ passkey: { attestedModel: undefined } });
  });

  test('at a login, those count that were proved when they were enrolled', () => {
    const relyingParty = relyingPartyOf(ORIGIN);
    const passkey = {
      passkeyId: 'p',
      userId: 'u',
      rpId: relyingParty.id,
      userHandle: Buffer.alloc(0),
      credentialId: Buffer.alloc(0),
      publicKey: Buffer.alloc(0),
      signCount: 0,
      transports: [],
      backupEligible: false,
      aaguid: KNOWN,
      isAttested: true,
    };
    expect(fits(passkey, relyingParty, POLICY)).toBe(true);
    expect(fits({ ...passkey, isAttested: false }, relyingParty, POLICY)).toBe(false);
    expect(fits({ ...passkey, isAttested: false }, relyingParty, DEFAULT_POLICY.passkeys)).toBe(true);
    expect(fits(passkey, relyingParty, { ...POLICY, models: [OTHER] })).toBe(false);
    expect(fits(passkey, relyingParty, { ...POLICY, models: [KNOWN] })).toBe(true);
  });
});

describe('WEB-08: the file of the metadata', () => {
  const models = [{ aaguid: KNOWN.toUpperCase() }, {}];

  test('is read when its authority signed it', async () => {
    const blob = await metadataFile(await fido.issue({}), { number: 7, models });
    const { number, nextUpdate, models: read } = await readMetadata(blob, NOW, fido.pem);
    expect({ number, nextUpdate, known: [...read.keys()] }).toEqual({
      number: 7,
      nextUpdate: '2099-01-01',
      known: [KNOWN],
    });
  });

  test('is none when somebody else signed it, or it was altered, or its certificate ended', async () => {
    const blob = await metadataFile(await fido.issue({}), { models });
    await expect(readMetadata(blob, NOW, stranger.pem)).rejects.toThrow('not signed by a certificate of its authority');
    const [header = '', payload = '', signature = ''] = blob.split('.');
    const text = Buffer.from(payload, 'base64url').toString().replace('"no":1', '"no":9');
    const altered = `${header}.${Buffer.from(text).toString('base64url')}.${signature}`;
    await expect(readMetadata(altered, NOW, fido.pem)).rejects.toThrow('signature verification failed');
    const ended = await metadataFile(await fido.issue({ endsAt: NOW - 1000 }), { models });
    await expect(readMetadata(ended, NOW, fido.pem)).rejects.toThrow('not signed by a certificate of its authority');
  });

  test('of the FIDO Alliance is signed under its own root', async () => {
    const blob = await metadataFile(await fido.issue({ dns: 'mds.fidoalliance.org' }), { models });
    await expect(readMetadata(blob, NOW)).rejects.toThrow('not signed by a certificate of its authority');
  });

  test.each([
    ['nothing', ''],
    ['no JWS', '<html>'],
    ['a JWS without certificates', 'eyJhbGciOiJub25lIn0.e30.'],
  ])('is none when it holds %s', async (_, text) => {
    await expect(readMetadata(text, NOW, fido.pem)).rejects.toThrow(/./);
  });
});

describe('WEB-08: the file on the disk', () => {
  let folder: string;
  let path: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'metadata-'));
    path = join(folder, 'blob.jwt');
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  const follow = () => new MetadataFile({ path, root: fido.pem, now: () => NOW, logger: silentLogger() });
  let second = 0;
  async function lay(number: number, signer = fido): Promise<void> {
    writeFileSync(path, `${await metadataFile(await signer.issue({}), { number, models: [{ aaguid: KNOWN }] })}\n`);
    // Another time of change, also within the same moment.
    second += 1;
    utimesSync(path, second, second);
  }

  test('is taken up when it is renewed', async () => {
    await lay(1);
    const file = follow();
    await file.look();
    expect(file.current?.number).toBe(1);
    await lay(2);
    await file.look();
    expect(file.current?.number).toBe(2);
  });

  test('leaves the one before in place when it cannot be believed, or is older, and says why', async () => {
    await lay(5);
    const file = follow();
    await file.look();
    await lay(6, stranger);
    await file.look();
    expect({ number: file.current?.number, problem: file.problem }).toEqual({
      number: 5,
      problem: 'it is not signed by a certificate of its authority',
    });
    await lay(4);
    await file.look();
    expect(file.current?.number).toBe(5);
    expect(file.problem).toContain('older than 5');
    await lay(6);
    await file.look();
    expect({ number: file.current?.number, problem: file.problem }).toEqual({ number: 6, problem: undefined });
  });

  test('that was away and is there again is no problem any more', async () => {
    await lay(1);
    const file = follow();
    await file.look();
    renameSync(path, `${path}.away`);
    await file.look();
    expect(file.problem).toContain('ENOENT');
    renameSync(`${path}.away`, path);
    await file.look();
    expect({ number: file.current?.number, problem: file.problem }).toEqual({ number: 1, problem: undefined });
  });

  test('that is not there is a problem and stops nobody', async () => {
    const file = follow();
    await file.start();
    file.stop();
    expect(file.current).toBeUndefined();
    expect(file.problem).toContain('ENOENT');
  });
});
