import {
  authenticatorConfirm,
  authenticatorEnrol,
  challengeCancel,
  challengeGet,
  challengeResend,
  challengeStart,
  challengeVerify,
  keysJwks,
  userBypass,
  userCreate,
  userFind,
  userGet,
  userUpdate,
  type ChallengeView,
  type Operation,
  type OutputOf,
  type StartedChallenge,
  type UserView,
} from '@countersign/contracts';
import { exampleOf } from '@countersign/edge';

const challengeId = 'G04oui-hTZqPHAwtfzqeEQKsd9Zz1Q2m8PpFvYcW3aIw';
const userId = '1b4e28ba-2fa1-4d9a-8f1c-0c2d7f3a9e11';
const authenticatorId = '5d1f0c3e-9b7a-4c55-a3f0-61f2b8c4d7e9';

const started: StartedChallenge = {
  challengeId,
  state: 'pending',
  method: 'sms',
  prompt: 'Enter the 6-digit code sent to ••• •••12.',
  expiresAt: '2026-11-23T09:35:00.000Z',
  alternatives: ['totp'],
};
const viewed: ChallengeView = { challengeId, state: 'pending', method: 'sms', expiresAt: '2026-11-23T09:35:00.000Z' };
const alice: UserView = {
  userId,
  username: 'alice',
  aliases: ['alice@example.com', 'EXAMPLE\\alice'],
  displayName: 'Alice Ozola',
  language: 'en',
  status: 'enabled',
  authenticators: [
    {
      authenticatorId,
      type: 'phone',
      label: 'Work phone',
      state: 'active',
      phone: '+371 ••• ••12',
      createdAt: '2026-11-02T08:00:00.000Z',
      lastUsedAt: '2026-11-23T07:58:41.000Z',
    },
  ],
  createdAt: '2026-11-02T07:55:00.000Z',
  updatedAt: '2026-11-02T08:00:00.000Z',
};
const uri = 'otpauth://totp/Countersign:alice?secret=JBSWY3DPEHPK3PXP&issuer=Countersign';

function row<O extends Operation>(operation: O, output: OutputOf<O>): [string, unknown] {
  return [operation.name, output];
}

/** What answers look like, where the parts of the schema alone would not make a sensible whole. */
const ANSWERS: ReadonlyMap<string, unknown> = new Map([
  row(challengeStart, started),
  row(challengeResend, started),
  row(challengeGet, viewed),
  row(challengeCancel, { ...viewed, state: 'cancelled' }),
  row(challengeVerify, {
    challengeId,
    state: 'approved',
    method: 'sms',
    result: 'eyJhbGciOiJFUzI1NiIsImtpZCI6IjIwMjYtMTEifQ.eyJzdWIiOiIxYjRlMjhiYSJ9.c2lnbmF0dXJl',
  }),
  row(userCreate, { ...alice, authenticators: [] }),
  row(userGet, alice),
  row(userUpdate, alice),
  row(userFind, { users: [alice] }),
  row(userBypass, { userId, expiresAt: '2026-11-23T09:35:00.000Z' }),
  row(authenticatorEnrol, {
    authenticatorId,
    state: 'pending',
    expiresAt: '2026-11-23T09:40:00.000Z',
    secret: 'JBSWY3DPEHPK3PXP',
    uri,
    qr: 'data:image/png;base64,iVBORw0KGgo=',
  }),
  row(authenticatorConfirm, { authenticatorId, state: 'active' }),
  row(keysJwks, {
    keys: [
      {
        kty: 'EC',
        crv: 'P-256',
        x: 'f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU',
        y: 'x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0',
        kid: '2026-11',
        alg: 'ES256',
        use: 'sig',
      },
    ],
  }),
]);

export function exampleAnswer(operation: Operation): unknown {
  return ANSWERS.get(operation.name) ?? exampleOf(operation.output);
}
