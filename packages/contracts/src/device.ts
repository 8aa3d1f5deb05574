import { Type, type Static } from 'typebox';
import { operation } from './operation.ts';
import { PasskeyOptions, PasskeyRegistration } from './passkey.ts';

const closed = { additionalProperties: false } as const;

/** Longest time one poll waits for a login. */
export const MAX_POLL_SECONDS = 25;
/** Larger bodies are no requests of phones. */
export const MAX_DEVICE_BODY_BYTES = 16_384;

/** In place of the QR code, for whoever cannot scan it. */
export const ActivationCode = Type.String({
  pattern: '^[0-9]{12}$',
  description: 'To type on the phone in place of scanning the code.',
  examples: ['492039118275'],
});

const Base64UrlHash = Type.String({ pattern: '^[\\w-]{43}$' });
const Coordinate = Type.String({ pattern: '^[\\w-]{43}$' });
/** Public half of an ES256 key (RFC 7518 section 6.2.1). */
export const DevicePublicKey = Type.Object(
  { kty: Type.Literal('EC'), crv: Type.Literal('P-256'), x: Coordinate, y: Coordinate },
  closed,
);
const Label = Type.String({ minLength: 1, maxLength: 64, examples: ['Pixel 11'] });
const Statement = Type.String({ maxLength: 196_608, description: 'A compact JWS; see docs/device-protocol.md.' });
const Address = Type.String({ maxLength: 64, description: 'Where the phone calls from, as the edge sees it.' });

/** What stands in the QR code: whoever typed the short code gets the same. */
export const activationFind = operation('activation.find', {
  scope: 'device',
  changes: false,
  input: Type.Object({ activationCode: ActivationCode, address: Address }, closed),
  output: Type.Object({ link: Type.String({ description: 'As the QR code holds it.' }) }),
});

/** Makes a phone an authenticator of the person who was given the code. Good once. */
export const activationRedeem = operation('activation.redeem', {
  scope: 'device',
  changes: true,
  input: Type.Object(
    {
      activationId: Type.String({ minLength: 16, maxLength: 64 }),
      code: Type.String({ minLength: 22, maxLength: 64 }),
      key: DevicePublicKey,
      proof: Statement,
      label: Type.Optional(Label),
    },
    closed,
  ),
  output: Type.Object({ activated: Statement }),
});

/**
 * A request of a phone as it reached the edge, for app-server to check: the edge has no keys to do so. The authority is the edge's own
 * public name, never what a balancer made of it.
 */
export const SignedRequest = Type.Object(
  {
    method: Type.Literal('POST'),
    authority: Type.String({ minLength: 1, maxLength: 260 }),
    path: Type.String({ minLength: 1, maxLength: 256 }),
    query: Type.String({ minLength: 1, maxLength: 256 }),
    body: Type.String({ maxLength: MAX_DEVICE_BODY_BYTES, description: 'The very text that came.' }),
    signatureInput: Type.String({ maxLength: 600 }),
    signature: Type.String({ maxLength: 600 }),
    contentDigest: Type.String({ maxLength: 200 }),
  },
  closed,
);
export type SignedRequest = Static<typeof SignedRequest>;

const OneRequest = Type.Object({ request: SignedRequest }, closed);

export const PollBody = Type.Object(
  {
    keySet: Type.Integer({ minimum: 1, description: 'Version of the key set that the phone trusts.' }),
    wait: Type.Integer({ minimum: 0, maximum: MAX_POLL_SECONDS, description: 'Seconds to wait for news.' }),
    known: Type.Optional(
      Type.Array(Type.String({ maxLength: 64 }), {
        maxItems: 16,
        uniqueItems: true,
        description:
          'Challenges that the phone shows already: with `wait`, the answer comes when there are others, or fewer.',
      }),
    ),
  },
  closed,
);

/** What a phone is told that polls. */
export const PollAnswer = Type.Object({
  prompts: Statement,
  keySets: Type.Array(Statement, { description: 'Those that the phone missed, oldest first.' }),
  pushKey: Type.Optional(
    Type.String({
      description: 'By which push services know us (RFC 8292): what a phone subscribes with. Absent: none is woken.',
    }),
  ),
});

/** In place of it while there is no news: the edge lets the phone wait, and no call waits with it. */
const NoNews = Type.Object({
  noNews: Type.Object({
    hint: Type.String({ description: 'Below PHONE_HINTS: after a message there `device.look` may find news.' }),
    forMs: Type.Integer({ minimum: 0, description: 'How long to wait for one.' }),
    /** What the phone is told if there was none. Absent: what `device.look` says. */
    answer: Type.Optional(PollAnswer),
    ticket: Type.String({ description: 'For `device.look`: what was asked, as app-server has proven it.' }),
  }),
});

/** Where app-servers hint, after an append, that something about the prompts of somebody's phones has changed. Messages have no content. */
export const PHONE_HINTS = 'phones';

/** The logins that wait for a phone; with `wait`, and if it knows all of them, what to wait for. */
export const devicePoll = operation('device.poll', {
  scope: 'device',
  changes: false,
  urgent: true,
  input: OneRequest,
  output: Type.Union([PollAnswer, NoNews]),
});

/** For a phone that polled and waits: whether there is news by now. */
export const deviceLook = operation('device.look', {
  scope: 'device',
  changes: false,
  urgent: true,
  input: Type.Object(
    {
      ticket: Type.String({ maxLength: 4096, description: 'Of `noNews`.' }),
      isHinted: Type.Boolean({ description: 'Whether there was a hint: then an old copy is not believed.' }),
    },
    closed,
  ),
  output: Type.Union([PollAnswer, NoNews]),
});

const Base64Url = (maxLength: number) => Type.String({ pattern: '^[\\w-]+$', maxLength });
const CredentialId = Base64Url(1364);

/** What an authenticator signed for this phone (WebAuthn Level 3 section 5.2.2): short enough to be kept beside the audit. */
export const DeviceAssertion = Type.Object(
  {
    credentialId: CredentialId,
    clientDataJSON: Base64Url(1366),
    authenticatorData: Base64Url(342),
    signature: Base64Url(684),
  },
  closed,
);
export type DeviceAssertion = Static<typeof DeviceAssertion>;

export const AnswerBody = Type.Object(
  {
    decision: Statement,
    passkey: Type.Optional(
      Type.Object(DeviceAssertion.properties, {
        ...closed,
        description: 'With an approval by a phone that has a passkey: its assertion over the decision.',
      }),
    ),
    keySet: Type.Optional(
      Type.Integer({
        minimum: 1,
        description: 'Version of the key set that the phone trusts: it is told of those after it.',
      }),
    ),
  },
  closed,
);

/** Approves, denies, or reports that it was somebody else. */
export const deviceAnswer = operation('device.answer', {
  scope: 'device',
  changes: false,
  urgent: true,
  input: OneRequest,
  output: Type.Object({
    outcome: Statement,
    keySets: Type.Array(Statement, { description: 'Those after `keySet`, oldest first; none where it was not said.' }),
  }),
});

/** A subscription of the Push API. */
export const PushSubscription = Type.Object(
  {
    endpoint: Type.String({ pattern: '^https://', maxLength: 1024 }),
    keys: Type.Object(
      { p256dh: Type.String({ pattern: '^[\\w-]{87}$' }), auth: Type.String({ pattern: '^[\\w-]{22}$' }) },
      closed,
    ),
  },
  closed,
);
export type PushSubscription = Static<typeof PushSubscription>;

export const UpdateBody = Type.Object(
  {
    label: Type.Optional(Label),
    push: Type.Optional(Type.Union([PushSubscription, Type.Null()], { description: 'Null: no wake-ups any more.' })),
  },
  closed,
);

/** What the phone is called, and how it is woken. */
export const deviceUpdate = operation('device.update', {
  scope: 'device',
  changes: false,
  input: OneRequest,
  output: Type.Object({ label: Type.String() }),
});

export const RotateBody = Type.Object({ key: DevicePublicKey, rotation: Statement }, closed);

/** A new key in place of the one that signs the request. */
export const deviceRotate = operation('device.rotate', {
  scope: 'device',
  changes: false,
  input: OneRequest,
  output: Type.Object({ keyThumbprint: Base64UrlHash }),
});

/** The phone takes itself away. */
export const deviceRemove = operation('device.remove', {
  scope: 'device',
  changes: false,
  urgent: true,
  input: OneRequest,
  output: Type.Object({ deviceId: Type.String() }),
});

/** One that a phone has for its approvals. */
const DevicePasskey = Type.Object({ credentialId: CredentialId, keyThumbprint: Base64UrlHash });

/** Begins to give the phone a passkey, which confirms its approvals from then on. */
export const deviceEnrol = operation('device.enrol', {
  scope: 'device',
  changes: false,
  input: OneRequest,
  output: Type.Object({
    enrolment: Type.Optional(
      Type.Object(
        {
          issuedAt: Type.Integer({ description: 'To be sent along with what the browser made.' }),
          options: PasskeyOptions,
        },
        { description: 'What the browser is to make.' },
      ),
    ),
    passkey: Type.Optional(
      Type.Object(DevicePasskey.properties, {
        description: 'In place of it: the one that this phone has already, and may not have heard of.',
      }),
    ),
  }),
});

export const ConfirmBody = Type.Object(
  { issuedAt: Type.Integer({ minimum: 0 }), registration: PasskeyRegistration },
  closed,
);

/** What the browser made becomes the passkey of the phone. */
export const deviceConfirm = operation('device.confirm', {
  scope: 'device',
  changes: false,
  input: OneRequest,
  output: DevicePasskey,
});

export const ForgetBody = Type.Object({ at: Type.Integer({ minimum: 0 }), passkey: DeviceAssertion }, closed);

/** The phone has no passkey any more. Whoever has the passkey says so. */
export const deviceForget = operation('device.forget', {
  scope: 'device',
  changes: false,
  input: OneRequest,
  output: Type.Object({ deviceId: Type.String() }),
});
