import { DEFAULT_POLICY, type Policy } from '@countersign/contracts';
import { describe, expect, test } from 'vitest';
import { loadKeyRing } from '../keys/ring.ts';
import { assertionOptions, fits, verifyAssertion, type AssertionFacts, type LoginPasskey } from './assertion.ts';
import { ceremonyChallenge } from './challenge.ts';
import { registrationOptions, verifyRegistration, type RegistrationFacts } from './registration.ts';
import { relyingPartyOf } from './relying-party.ts';
import { SoftwareAuthenticator, type Switches } from './testing/authenticator.ts';

const ORIGIN = 'https://portal.example.com';
const relyingParty = relyingPartyOf(`${ORIGIN}/`);
const HANDLE = Buffer.alloc(64, 9);
const REGISTRATION: RegistrationFacts = {
  relyingParty,
  organisation: 'Example',
  challenge: Buffer.alloc(32, 1),
  username: 'alice',
  displayName: undefined,
  userHandle: HANDLE,
  enrolled: [],
  policy: DEFAULT_POLICY.passkeys,
};
/** Of which make the key is, this policy does not ask. */
const UNASKED = { metadata: undefined, now: 0 };
const PREFERRED: Policy['passkeys'] = { ...DEFAULT_POLICY.passkeys, userVerification: 'preferred' };

async function register(switches: Switches = {}, facts: Partial<RegistrationFacts> = {}) {
  const all = { ...REGISTRATION, ...facts };
  const key = new SoftwareAuthenticator(ORIGIN);
  return verifyRegistration(all, key.create(await registrationOptions(all), switches), UNASKED);
}

/** A person with one passkey, and the question that it has to answer. */
async function enrolled(switches: Switches = {}) {
  const key = new SoftwareAuthenticator(ORIGIN);
  const registered = await verifyRegistration(
    REGISTRATION,
    key.create(await registrationOptions(REGISTRATION), switches),
    UNASKED,
  );
  if (!('passkey' in registered)) throw new Error('not registered', { cause: registered.cause });
  const passkey: LoginPasskey = {
    ...registered.passkey,
    passkeyId: 'p1',
    userId: 'u1',
    rpId: relyingParty.id,
    userHandle: HANDLE,
    isAttested: false,
  };
  const challenge = Buffer.alloc(32, 2);
  const options = await assertionOptions(relyingParty, challenge, 'required', [passkey]);
  const facts: AssertionFacts = {
    relyingParty,
    challenge,
    userVerification: 'required',
    passkey,
    discoverable: false,
  };
  const answer = (how: Switches = {}, other: Partial<AssertionFacts> = {}) =>
    verifyAssertion({ ...facts, ...other }, key.get(options, how));
  return { key, passkey, options, facts, answer };
}

describe('who passkeys are made for', () => {
  test('WEB-09, R28: host and origin of the configured portal, with its port, without its path', () => {
    expect(relyingPartyOf('https://portal.example.com:8443/start')).toEqual({
      id: 'portal.example.com',
      origin: 'https://portal.example.com:8443',
    });
    expect(relyingPartyOf('http://localhost:8300')).toMatchObject({ id: 'localhost' });
  });

  test.each(['http://portal.example.com', 'https://192.0.2.7', 'https://[2001:db8::1]'])(
    'browsers would refuse %s, so the start does',
    (url) => {
      expect(() => relyingPartyOf(url)).toThrow(/COUNTERSIGN_PORTAL_URL/);
    },
  );
});

describe('what has to be signed', () => {
  const ring = loadKeyRing(`k1:${Buffer.alloc(32, 7).toString('base64')}`);

  test('WEB-02: 32 bytes, the same on every replica, and of no other ceremony, id or installation', () => {
    const other = loadKeyRing(`k1:${Buffer.alloc(32, 8).toString('base64')}`);
    const challenge = ceremonyChallenge(ring, 'login', 'one');
    expect(challenge).toHaveLength(32);
    expect(ceremonyChallenge(ring, 'login', 'one')).toEqual(challenge);
    const others = [
      ceremonyChallenge(ring, 'login', 'two'),
      ceremonyChallenge(ring, 'enrol', 'one'),
      ceremonyChallenge(ring, 'invite', 'one'),
      ceremonyChallenge(other, 'login', 'one'),
    ];
    for (const each of others) expect(each.equals(challenge)).toBe(false);
  });
});

describe('registration', () => {
  test('WEB-03: everything is asked for explicitly, and nothing of the person stands in the handle', async () => {
    const enrolledBefore = [{ credentialId: 'AAEC', transports: ['usb'] }];
    expect(await registrationOptions({ ...REGISTRATION, enrolled: enrolledBefore })).toMatchObject({
      rp: { id: 'portal.example.com', name: 'Example' },
      user: { id: HANDLE.toString('base64url'), name: 'alice' },
      challenge: Buffer.alloc(32, 1).toString('base64url'),
      pubKeyCredParams: [{ alg: -7 }, { alg: -257 }, { alg: -8 }],
      attestation: 'none',
      authenticatorSelection: { residentKey: 'required', userVerification: 'required' },
      excludeCredentials: [{ id: 'AAEC', transports: ['usb'] }],
      timeout: 300_000,
    });
  });

  test('WEB-03: a security key that is a second factor only may stay without a discoverable credential', async () => {
    expect(await registrationOptions({ ...REGISTRATION, policy: PREFERRED })).toMatchObject({
      authenticatorSelection: { residentKey: 'preferred', userVerification: 'preferred' },
    });
  });

  test('WEB-07: all that is known of a new passkey is kept', async () => {
    expect(await register({ be: true, bs: true, signCount: 4 })).toEqual({
      passkey: {
        credentialId: expect.any(Buffer) as Buffer,
        publicKey: expect.any(Buffer) as Buffer,
        signCount: 4,
        aaguid: 'aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaaaaaa',
        transports: ['internal'],
        backupEligible: true,
        backupState: true,
        userVerified: true,
        attestationFormat: 'none',
      },
    });
  });

  test.each<[string, Switches, string]>([
    ['WEB-01: in a frame of another origin', { crossOrigin: true }, 'framed'],
    ['WEB-01: in a frame whose top is named', { crossOrigin: true, topOrigin: 'https://evil.example' }, 'framed'],
    ['WEB-01: with a top origin of no frame', { topOrigin: ORIGIN }, 'framed'],
    ['WEB-05: an answer to a login', { type: 'webauthn.get' }, 'invalid'],
    ['WEB-05: another challenge', { challenge: Buffer.alloc(32, 3).toString('base64url') }, 'invalid'],
    ['WEB-05: another origin', { origin: 'https://evil.example' }, 'invalid'],
    ['WEB-05: an origin that ends as ours', { origin: 'https://evil.portal.example.com' }, 'invalid'],
    ['WEB-05: an origin that begins as ours', { origin: `${ORIGIN}.evil.example` }, 'invalid'],
    ['WEB-05: our host on another port', { origin: `${ORIGIN}:8443` }, 'invalid'],
    ['WEB-05: our host without TLS', { origin: 'http://portal.example.com' }, 'invalid'],
    ['WEB-05: another relying party', { rpId: 'example.com' }, 'invalid'],
    ['WEB-05: nobody was there', { up: false, uv: false }, 'invalid'],
    ['WEB-03: present and not verified', { uv: false }, 'invalid'],
    ['WEB-05: copied, and not to be copied', { be: false, bs: true }, 'invalid'],
    ['WEB-03: an algorithm that was not offered', { algorithm: -35 }, 'invalid'],
    ['WEB-08: an attestation of a form that nobody knows', { attestationFormat: 'own' }, 'invalid'],
  ])('%s: refused', async (_name, switches, refused) => {
    expect(await register(switches)).toMatchObject({ refused });
  });

  test('an answer that names another key than the authenticator made is refused', async () => {
    const key = new SoftwareAuthenticator(ORIGIN);
    const answer = key.create(await registrationOptions(REGISTRATION));
    expect(await verifyRegistration(REGISTRATION, { ...answer, id: 'AAEC', rawId: 'AAEC' }, UNASKED)).toMatchObject({
      refused: 'invalid',
    });
  });

  test('client data that cannot be read is refused', async () => {
    const answer = new SoftwareAuthenticator(ORIGIN).create(await registrationOptions(REGISTRATION));
    answer.response.clientDataJSON = Buffer.from('{').toString('base64url');
    expect(await verifyRegistration(REGISTRATION, answer, UNASKED)).toEqual({ refused: 'invalid' });
  });

  test('WEB-03: a key that is not unlocked is taken where the policy only prefers it', async () => {
    expect(await register({ uv: false }, { policy: PREFERRED })).toMatchObject({ passkey: { userVerified: false } });
  });

  test('a passkey that is copied is refused where the policy takes none', async () => {
    const policy = { ...DEFAULT_POLICY.passkeys, syncable: false };
    expect(await register({ be: true }, { policy })).toEqual({ refused: 'syncable' });
    expect(await register({}, { policy })).toMatchObject({ passkey: { backupEligible: false } });
  });
});

describe('login', () => {
  test('what is right says which passkey, how it counts, and whether it was unlocked', async () => {
    const { answer } = await enrolled({ signCount: 4 });
    expect(await answer()).toEqual({
      asserted: { passkeyId: 'p1', signCount: 5, knownSignCount: 4, backupEligible: false, userVerified: true },
    });
  });

  test('WEB-05: options name the relying party, the challenge, who may answer, and how', async () => {
    const { options, passkey } = await enrolled();
    expect(options).toMatchObject({
      rpId: 'portal.example.com',
      challenge: Buffer.alloc(32, 2).toString('base64url'),
      userVerification: 'required',
      allowCredentials: [{ id: passkey.credentialId.toString('base64url'), type: 'public-key' }],
    });
  });

  test.each<[string, Switches, string]>([
    ['WEB-01: in a frame of another origin', { crossOrigin: true }, 'framed'],
    ['WEB-01: in a frame whose top is named', { crossOrigin: true, topOrigin: 'https://evil.example' }, 'framed'],
    ['WEB-01: with a top origin of no frame', { topOrigin: ORIGIN }, 'framed'],
    ['WEB-05: an answer to a registration', { type: 'webauthn.create' }, 'invalid'],
    ['WEB-05: another challenge', { challenge: Buffer.alloc(32, 3).toString('base64url') }, 'invalid'],
    ['WEB-05: another origin', { origin: 'https://evil.example' }, 'invalid'],
    ['WEB-05: an origin that ends as ours', { origin: 'https://evil.portal.example.com' }, 'invalid'],
    ['WEB-05: an origin that begins as ours', { origin: `${ORIGIN}.evil.example` }, 'invalid'],
    ['WEB-05: our host on another port', { origin: `${ORIGIN}:8443` }, 'invalid'],
    ['WEB-05: another relying party', { rpId: 'example.com' }, 'invalid'],
    ['WEB-05: nobody was there', { up: false }, 'invalid'],
    ['WEB-05: present and not verified', { uv: false }, 'invalid'],
    ['WEB-05: copied, and not to be copied', { bs: true }, 'invalid'],
    ['WEB-05: to be copied, which it was not when it was made', { be: true }, 'backup'],
    ['WEB-05: a signature of another key', { spoiled: true }, 'invalid'],
    ['WEB-04: a handle of another person', { userHandle: Buffer.alloc(64, 8).toString('base64url') }, 'handle'],
    ['WEB-04: the beginning of the handle', { userHandle: HANDLE.subarray(1).toString('base64url') }, 'handle'],
  ])('%s: refused', async (_name, switches, refused) => {
    const { answer } = await enrolled();
    expect(await answer()).toHaveProperty('asserted');
    expect(await answer(switches)).toMatchObject({ refused });
  });

  test('WEB-05: a passkey that could be copied and says it cannot any more is refused', async () => {
    const { answer } = await enrolled({ be: true });
    expect(await answer({ be: false })).toEqual({ refused: 'backup' });
    expect(await answer({ bs: true })).toHaveProperty('asserted');
  });

  test('WEB-04: a key that keeps no handle may answer when it was asked for by name, and not otherwise', async () => {
    const { answer } = await enrolled();
    for (const userHandle of [null, '']) {
      expect(await answer({ userHandle })).toHaveProperty('asserted');
      expect(await answer({ userHandle }, { discoverable: true })).toEqual({ refused: 'handle' });
    }
    expect(await answer({}, { discoverable: true })).toHaveProperty('asserted');
  });

  test('WEB-05: a key that is not unlocked may answer where the policy only prefers it, and it is told', async () => {
    const { answer } = await enrolled();
    expect(await answer({ uv: false }, { userVerification: 'preferred' })).toMatchObject({
      asserted: { userVerified: false },
    });
  });

  test('WEB-04, WEB-09: none of the person, and one of another host, are refused before anything is computed', async () => {
    const { answer, passkey } = await enrolled();
    expect(await answer({}, { passkey: undefined })).toEqual({ refused: 'credential' });
    expect(await answer({}, { passkey: { ...passkey, rpId: 'old.example.com' } })).toEqual({ refused: 'credential' });
  });

  test('WEB-04: a signature by the passkey of somebody else is none of this passkey', async () => {
    const [alice, bob] = [await enrolled(), await enrolled()];
    const signedByBob = bob.key.get(bob.options);
    expect(await verifyAssertion(alice.facts, { ...signedByBob, id: 'AAEC', rawId: 'AAEC' })).toMatchObject({
      refused: 'invalid',
    });
  });

  test('WEB-09: a passkey is offered on its own host only, and none that is copied where the policy takes none', async () => {
    const { passkey } = await enrolled();
    const strict = { ...DEFAULT_POLICY.passkeys, syncable: false };
    expect(fits(passkey, relyingParty, strict)).toBe(true);
    expect(fits({ ...passkey, backupEligible: true }, relyingParty, strict)).toBe(false);
    expect(fits({ ...passkey, backupEligible: true }, relyingParty, DEFAULT_POLICY.passkeys)).toBe(true);
    expect(fits({ ...passkey, rpId: 'old.example.com' }, relyingParty, DEFAULT_POLICY.passkeys)).toBe(false);
  });
});
