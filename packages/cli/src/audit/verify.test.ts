import { createHash, generateKeyPairSync, sign } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { challengeIdFor } from '@countersign/contracts';
import {
  generateKeyPair,
  parsePasskeyKey,
  passkeyChallenge,
  passkeyThumbprint,
  signDecision,
  type Answer,
  type KeyPair,
} from '@countersign/device-protocol';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { EXIT } from '../exit-codes.ts';
import { run } from '../run.ts';
import { recordedTerminal } from '../testing/terminal.ts';

const parent = mkdtempSync(join(tmpdir(), 'verify-'));
afterAll(() => rmSync(parent, { recursive: true, force: true }));
let made = 0;

/** The command, on a file that holds the text. */
async function verify(text: string, ...words: string[]) {
  const file = join(parent, `${(made += 1)}.json`);
  writeFileSync(file, text);
  return runWith([file, ...words]);
}

async function runWith(words: string[], input?: string) {
  const terminal = recordedTerminal(input === undefined ? {} : { input });
  const offline = () => {
    throw new Error('it works offline');
  };
  const deps = {
    terminal,
    settings: offline,
    connect: offline,
    now: () => Date.now(),
    signal: new AbortController().signal,
  };
  const code = await run(['audit', 'verify', ...words], deps);
  return { code, ...terminal };
}

const lines = (...events: unknown[]) => events.map((event) => `${JSON.stringify(event)}\n`).join('');

const userId = '1b4e28ba-2fa1-4d9a-8f1c-0c2d7f3a9e11';
const deviceId = '7c9e6679-7425-40de-944b-e07fc1f90ae7';
const CHALLENGE = challengeIdFor(userId, new Uint8Array(16).fill(7));
const AT = Date.UTC(2026, 10, 27);

let device: KeyPair;
beforeAll(async () => {
  device = await generateKeyPair();
});

/** As app-server writes it when somebody answers. */
async function answered(
  answer: Answer,
  type: 'challenge.approved' | 'challenge.denied',
  reason?: string,
  challengeId = CHALLENGE,
) {
  const serverNonce = 'Zk9m3s1Q8b7Vt2cX5n4LdA';
  const displayed = {
    user: 'alice@example.com',
    application: 'VPN',
    createdAt: AT,
    expiresAt: AT + 90_000,
    digits: 3,
  };
  const statement = await signDecision({ prompt: { challengeId, serverNonce, displayed }, deviceId, at: AT }, answer, {
    privateKey: device.privateKey,
    keyId: device.thumbprint,
  });
  return {
    at: new Date(AT).toISOString(),
    type,
    userId,
    applicationId: '0d4c7a52-6b1f-4e5e-9a55-2a1d3f4b5c6d',
    challengeId,
    method: 'app',
    ...(reason !== undefined && { reason }),
    attemptId: 'attempt',
    detail: {
      authenticatorId: deviceId,
      ...(type === 'challenge.approved' && { purpose: 'login' }),
      evidence: { statement, key: device.publicKey, displayed, serverNonce, deviceId },
    },
  };
}

const approved = () => answered({ decision: 'approve', number: '042' }, 'challenge.approved');

test('DEV-31: what phones signed is checked without any server', async () => {
  const events = [
    await approved(),
    await answered({ decision: 'deny' }, 'challenge.denied', 'denied'),
    await answered({ decision: 'fraud' }, 'challenge.denied', 'fraud'),
    await answered({ decision: 'approve', number: '999' }, 'challenge.denied', 'number'),
    { at: new Date(AT).toISOString(), type: 'user.blocked', attemptId: 'a', detail: {} },
    { ...(await approved()), method: 'totp', detail: { purpose: 'login' } },
    { ...(await approved()), detail: { authenticatorId: deviceId, purpose: 'enrol' } },
  ];
  const { code, out, err } = await verify(lines(...events));

  expect(err).toBe('');
  expect(out).toBe('4 verified, 0 refused, 3 without evidence\n');
  expect(code).toBe(EXIT.ok.code);
});

test('takes the one document that audit tail prints as well, also from standard input', async () => {
  const document = JSON.stringify({ events: [await approved(), { ...(await approved()), type: 'challenge.denied' }] });
  const { code, out } = await runWith(['-'], document);

  expect(out).toBe(
    `event 2  ${new Date(AT).toISOString()}  challenge.denied  ${CHALLENGE}  ` +
      'other_decision: The person decided otherwise than the event says.\n1 verified, 1 refused, 0 without evidence\n',
  );
  expect(code).toBe(EXIT.checkFailed.code);
});

test('says with --json which key signed for which device, and what does not stand where', async () => {
  const altered = { ...(await approved()), challengeId: challengeIdFor(userId, new Uint8Array(16).fill(8)) };
  const { code, out } = await verify(lines(await approved(), altered, await approved()), '--json');

  expect(JSON.parse(out)).toEqual({
    verified: 2,
    refused: 1,
    withoutEvidence: 0,
    refusals: [
      {
        place: 'line 2',
        at: altered.at,
        type: 'challenge.approved',
        challengeId: altered.challengeId,
        reason: 'other_prompt',
      },
    ],
    keys: [{ deviceId, keyThumbprint: device.thumbprint, verified: 2 }],
  });
  expect(code).toBe(EXIT.checkFailed.code);
});

type Event = Awaited<ReturnType<typeof approved>>;

const passkey = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const passkeyKey = parsePasskeyKey(passkey.publicKey.export({ format: 'jwk' }));

/** As app-server writes it when a passkey has confirmed the approval. @param flags of the authenticator: present and verified. */
async function confirmed({ flags = 0x05, origin = 'https://phones.example.com' } = {}) {
  const event = await approved();
  const { evidence } = event.detail;
  const sha256 = (bytes: string | Buffer) => createHash('sha256').update(bytes).digest();
  const challenge = await passkeyChallenge(evidence.statement);
  const clientData = Buffer.from(JSON.stringify({ type: 'webauthn.get', challenge, origin, crossOrigin: false }));
  const authenticatorData = Buffer.concat([sha256('phones.example.com'), Buffer.from([flags]), Buffer.alloc(4)]);
  const signed = Buffer.concat([authenticatorData, sha256(clientData)]);
  const assertion = {
    clientDataJSON: clientData.toString('base64url'),
    authenticatorData: authenticatorData.toString('base64url'),
    signature: sign('sha256', signed, passkey.privateKey).toString('base64url'),
  };
  const held = { key: passkeyKey, origin: 'https://phones.example.com', assertion };
  return { ...event, detail: { ...event.detail, userVerified: true, evidence: { ...evidence, passkey: held } } };
}

test('DEV-35: what a passkey confirmed is checked as well, and its key is told', async () => {
  const { code, out } = await verify(lines(await confirmed(), await approved()), '--json');

  const of = { deviceId, keyThumbprint: device.thumbprint, verified: 1 };
  expect(JSON.parse(out)).toMatchObject({
    verified: 2,
    keys: [{ ...of, passkeyThumbprint: await passkeyThumbprint(passkeyKey) }, of],
  });
  expect(code).toBe(EXIT.ok.code);
});

describe('an event does not stand', () => {
  const withEvidence = ({ detail, ...event }: Event, change: object) => ({
    ...event,
    detail: { ...detail, evidence: { ...detail.evidence, ...change } },
  });

  test.each<[string, () => Promise<unknown>, string]>([
    [
      'when another text was shown',
      async () => {
        const event = await approved();
        return withEvidence(event, { displayed: { ...event.detail.evidence.displayed, message: 'Pay 1000' } });
      },
      'display_mismatch',
    ],
    [
      'when another key stands beside it',
      async () => withEvidence(await approved(), { key: (await generateKeyPair()).publicKey }),
      'not_signed',
    ],
    ['when evidence is missing a part', async () => withEvidence(await approved(), { key: undefined }), 'malformed'],
    [
      'when a denial is said to be an approval',
      async () => answered({ decision: 'deny' }, 'challenge.approved'),
      'other_decision',
    ],
    [
      'when a report is said to be an approval',
      async () => answered({ decision: 'fraud' }, 'challenge.approved'),
      'other_decision',
    ],
    [
      'when an approval is said to be a denial',
      async () => answered({ decision: 'approve', number: '042' }, 'challenge.denied', 'denied'),
      'other_decision',
    ],
    [
      'when a report is said to be a denial',
      async () => answered({ decision: 'fraud' }, 'challenge.denied', 'denied'),
      'other_decision',
    ],
    [
      'when a denial is said to be a wrong number',
      async () => answered({ decision: 'deny' }, 'challenge.denied', 'number'),
      'other_decision',
    ],
    ['when nobody was verified', async () => confirmed({ flags: 0x01 }), 'passkey_not_verified'],
    ['when another page asked', async () => confirmed({ origin: 'https://evil.example' }), 'passkey_origin'],
    [
      'when what a passkey confirmed was taken out',
      async () => {
        const event = await approved();
        return { ...event, detail: { ...event.detail, userVerified: true } };
      },
      'no_passkey',
    ],
    [
      'when a passkey is said to have confirmed a denial',
      async () => {
        const { passkey: held } = (await confirmed()).detail.evidence;
        return withEvidence(await answered({ decision: 'deny' }, 'challenge.denied', 'denied'), { passkey: held });
      },
      'malformed',
    ],
    ['when no number was typed', async () => answered({ decision: 'approve' }, 'challenge.approved'), 'no_number'],
    [
      'when another authenticator is named',
      async () => {
        const event = await approved();
        return { ...event, detail: { ...event.detail, authenticatorId: userId } };
      },
      'other_device',
    ],
    ['when another user is named', async () => ({ ...(await approved()), userId: deviceId }), 'other_user'],
    ['when no user is named', async () => ({ ...(await approved()), userId: undefined }), 'other_user'],
    [
      'when the challenge is nobody’s',
      async () => ({
        ...(await answered(
          { decision: 'approve', number: '042' },
          'challenge.approved',
          undefined,
          'challenge-of-nobody',
        )),
        userId: undefined,
      }),
      'other_user',
    ],
    ['when another method is named', async () => ({ ...(await approved()), method: 'totp' }), 'other_event'],
    ['when no challenge is named', async () => ({ ...(await approved()), challengeId: undefined }), 'other_event'],
    ['when it is another event', async () => ({ ...(await approved()), type: 'challenge.started' }), 'other_event'],
    [
      'when it is said to be an enrolment',
      async () => {
        const event = await approved();
        return { ...event, detail: { ...event.detail, purpose: 'enrol' } };
      },
      'other_event',
    ],
    [
      'when the evidence of an approval was taken out',
      async () => ({ ...(await approved()), detail: { purpose: 'login' } }),
      'missing',
    ],
    [
      'when the evidence of a denial was taken out',
      async () => ({ ...(await answered({ decision: 'deny' }, 'challenge.denied')), detail: {} }),
      'missing',
    ],
    ['when it is none', async () => ['challenge.approved'], 'no_event'],
    ['when it has no type', async () => ({ ...(await approved()), type: undefined }), 'no_event'],
  ])('%s', async (_, event, reason) => {
    const { code, out } = await verify(lines(await event()));

    expect(out).toContain(`  ${reason}: `);
    expect(out).toContain('0 verified, 1 refused, 0 without evidence\n');
    expect(code).toBe(EXIT.checkFailed.code);
  });

  test('when its line was cut off', async () => {
    const { code, out } = await verify(
      lines(await approved())
        .repeat(2)
        .slice(0, -9),
    );

    expect(out).toBe('line 2  no_event: This is no event of the audit.\n1 verified, 1 refused, 0 without evidence\n');
    expect(code).toBe(EXIT.checkFailed.code);
  });
});

test('what it shows of a file cannot repaint the screen', async () => {
  const { out } = await verify(lines({ ...(await approved()), at: '\u001B[2J', userId: deviceId }));

  expect(out).toContain(String.raw`\u{1b}[2J`);
  expect(out).not.toContain('\u001B');
});

test.each(['', '\n', '{"events":[]}'])('a file without any event is refused: %j', async (text) => {
  const { code, out, err } = await verify(text);

  expect(err).toContain('holds no event.');
  expect(out).toBe('');
  expect(code).toBe(EXIT.rejected.code);
});

test('a file that is not there is a mistake of whoever typed it', async () => {
  const { code, err } = await runWith([join(parent, 'none')]);

  expect(err).toContain('cannot be read (ENOENT)');
  expect(code).toBe(EXIT.usage.code);
});
