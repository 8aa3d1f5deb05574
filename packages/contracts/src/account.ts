import { Type, type Static } from 'typebox';
import { MethodName } from './challenge.ts';
import { ActivationCode } from './device.ts';
import { Access } from './evidence.ts';
import { Uuid } from './ids.ts';
import { operation } from './operation.ts';
import { PasskeyOptions, PasskeyRegistration } from './passkey.ts';
import { Language } from './user.ts';

const closed = { additionalProperties: false } as const;
const Timestamp = Type.String({ format: 'date-time' });

/** What a person may have, as the portal speaks of it. */
export const FACTOR_TYPES = ['totp', 'phone', 'app', 'passkey', 'recovery'] as const;
export type FactorType = (typeof FACTOR_TYPES)[number];
const FactorTypeName = Type.Enum([...FACTOR_TYPES]);
const Label = Type.String({ minLength: 1, maxLength: 64, examples: ['Work phone'] });

const Factor = Type.Object({
  authenticatorId: Uuid,
  type: FactorTypeName,
  label: Type.String(),
  state: Type.Enum(['pending', 'active']),
  phone: Type.Optional(Type.String({ description: 'Masked.', examples: ['+371 ••• ••12'] })),
  codesLeft: Type.Optional(Type.Integer({ description: 'Of recovery codes.' })),
  synced: Type.Optional(Type.Boolean({ description: 'Of a passkey: its keeper copies it to other devices.' })),
  createdAt: Timestamp,
  lastUsedAt: Type.Optional(Timestamp),
});
export type Factor = Static<typeof Factor>;

export const AccountView = Type.Object({
  userId: Uuid,
  username: Type.String(),
  displayName: Type.Optional(Type.String()),
  language: Type.Optional(Type.String()),
  level: Type.Enum(['full', 'enrolment']),
  freshUntil: Timestamp,
  factors: Type.Array(Factor),
  methods: Type.Array(MethodName, { description: 'Those that the person can sign in by, first choice first.' }),
  pin: Type.Optional(
    Type.Object(
      {
        isSet: Type.Boolean(),
        isDue: Type.Boolean({ description: 'It has to be changed.' }),
        isWanted: Type.Boolean({ description: 'Something asks for it.' }),
        minLength: Type.Integer(),
        mayChange: Type.Boolean(),
        mayRemove: Type.Boolean(),
      },
      { description: 'Absent where nothing asks for one and there is none.' },
    ),
  ),
  may: Type.Object(
    {
      enrol: Type.Array(FactorTypeName, { description: 'What may be added now.' }),
      remove: Type.Boolean(),
      rename: Type.Boolean(),
      chooseMethod: Type.Boolean(),
      chooseLanguage: Type.Boolean(),
      bypassSeconds: Type.Integer({ description: 'Longest bypass for oneself; 0: none.' }),
      seeHistory: Type.Boolean(),
    },
    { description: 'What the policy lets this person do. Asked again by every operation.' },
  ),
});
export type AccountView = Static<typeof AccountView>;

/** Everything about oneself that a person may see. */
export const accountGet = operation('account.get', {
  scope: 'portal',
  changes: false,
  input: Type.Object({ access: Access }, closed),
  output: AccountView,
});

export const accountUpdate = operation('account.update', {
  scope: 'portal',
  changes: true,
  input: Type.Object(
    {
      access: Access,
      language: Type.Optional(Language),
      methods: Type.Optional(
        Type.Array(MethodName, { uniqueItems: true, maxItems: 10, description: 'First choice first.' }),
      ),
    },
    closed,
  ),
  output: AccountView,
});

/** Begins to add a factor. It counts only once `account.confirm` has seen it work. */
export const accountEnrol = operation('account.enrol', {
  scope: 'portal',
  changes: true,
  input: Type.Union([
    Type.Object({ access: Access, type: Type.Literal('totp'), label: Type.Optional(Label) }, closed),
    Type.Object(
      {
        access: Access,
        type: Type.Literal('phone'),
        label: Type.Optional(Label),
        phone: Type.String({ pattern: '^\\+[1-9][0-9]{6,14}$', description: 'E.164', examples: ['+37120000012'] }),
      },
      closed,
    ),
    Type.Object({ access: Access, type: Type.Literal('app'), label: Type.Optional(Label) }, closed),
    Type.Object({ access: Access, type: Type.Literal('passkey'), label: Type.Optional(Label) }, closed),
    Type.Object({ access: Access, type: Type.Literal('recovery') }, closed),
  ]),
  output: Type.Object({
    authenticatorId: Uuid,
    type: FactorTypeName,
    state: Type.Enum(['pending', 'active']),
    expiresAt: Type.Optional(Timestamp),
    secret: Type.Optional(Type.String({ description: 'Of TOTP: base32, shown this once.' })),
    uri: Type.Optional(
      Type.String({ description: 'Of TOTP: otpauth. Of an app: the link that activates it, good once.' }),
    ),
    activationCode: Type.Optional(ActivationCode),
    qr: Type.Optional(Type.String({ description: 'The URI as a PNG, as a data: URI.' })),
    digits: Type.Optional(Type.Integer({ description: 'How many digits the code has that confirms it.' })),
    notice: Type.Optional(Type.String()),
    passkey: Type.Optional(PasskeyOptions),
    codes: Type.Optional(
      Type.Array(Type.String({ examples: ['7KQ2-M9XD-4HTV'] }), {
        description: 'Recovery codes, shown this once. The ones before are void.',
      }),
    ),
  }),
});

/** Shows that the new factor works: a code from it, the answer of the browser, or that the app was activated on a phone meanwhile. */
export const accountConfirm = operation('account.confirm', {
  scope: 'portal',
  changes: true,
  input: Type.Union([
    Type.Object({ access: Access, authenticatorId: Uuid, code: Type.String({ minLength: 1, maxLength: 64 }) }, closed),
    Type.Object({ access: Access, authenticatorId: Uuid, passkey: PasskeyRegistration }, closed),
    Type.Object({ access: Access, authenticatorId: Uuid, app: Type.Literal('activated') }, closed),
  ]),
  output: Type.Object({
    authenticatorId: Uuid,
    state: Type.Literal('active'),
    access: Type.Optional(
      Type.String({
        description: 'In place of the one before, when this was the first factor: now the session is full.',
      }),
    ),
    freshUntil: Type.Optional(Timestamp),
    expiresAt: Type.Optional(Timestamp),
  }),
});

export const accountRename = operation('account.rename', {
  scope: 'portal',
  changes: true,
  input: Type.Object({ access: Access, authenticatorId: Uuid, label: Label }, closed),
  output: Type.Object({ authenticatorId: Uuid, label: Type.String() }),
});

/** The last factor stays: without any a person could not come back. */
export const accountRemove = operation('account.remove', {
  scope: 'portal',
  changes: true,
  urgent: true,
  input: Type.Object({ access: Access, authenticatorId: Uuid }, closed),
  output: Type.Object({ authenticatorId: Uuid }),
});

/** Lets oneself in once without a second factor, where policy allows it. */
export const accountBypass = operation('account.bypass', {
  scope: 'portal',
  changes: true,
  input: Type.Object({ access: Access, seconds: Type.Integer({ minimum: 10, maximum: 900 }) }, closed),
  output: Type.Object({ expiresAt: Timestamp }),
});

const OwnLogin = Type.Object({
  loginId: Type.String({ description: 'For `account.report`.' }),
  at: Timestamp,
  application: Type.Optional(Type.String()),
  method: Type.Optional(Type.String()),
  result: Type.Enum(['approved', 'rejected', 'started', 'cancelled', 'bypass', 'password', 'provider', 'change']),
  what: Type.String({ description: 'Type of the audit event.' }),
  ip: Type.Optional(Type.String()),
  device: Type.Optional(Type.String()),
  location: Type.Optional(Type.String()),
});
export type OwnLogin = Static<typeof OwnLogin>;

export const accountHistory = operation('account.history', {
  scope: 'portal',
  changes: false,
  input: Type.Object(
    {
      access: Access,
      after: Type.Optional(Type.String({ maxLength: 256 })),
      limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 100 })),
    },
    closed,
  ),
  output: Type.Object({ logins: Type.Array(OwnLogin), next: Type.Optional(Type.String()) }),
});

/** "Sign out everywhere": ends every session of whoever asks, this one as well. */
export const accountLeave = operation('account.leave', {
  scope: 'portal',
  changes: true,
  urgent: true,
  input: Type.Object({ access: Access }, closed),
  output: Type.Object({ ended: Type.Integer() }),
});

/** "This was not me": ends every session, and tells the administrators through the audit. */
export const accountReport = operation('account.report', {
  scope: 'portal',
  changes: true,
  urgent: true,
  input: Type.Object({ access: Access, loginId: Type.String({ minLength: 1, maxLength: 256 }) }, closed),
  output: Type.Object({ reportedAt: Timestamp, sessionsEnded: Type.Integer() }),
});
