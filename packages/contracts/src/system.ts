import { Type, type Static } from 'typebox';
import { operation } from './operation.ts';

const closed = { additionalProperties: false } as const;
const Nothing = Type.Object({}, closed);

const Jwk = Type.Object({
  kty: Type.Literal('EC'),
  crv: Type.Literal('P-256'),
  x: Type.String(),
  y: Type.String(),
  kid: Type.String(),
  alg: Type.Literal('ES256'),
  use: Type.Literal('sig'),
});

/** Public keys of the signed results (RFC 7517). */
export const keysJwks = operation('keys.jwks', {
  scope: 'none',
  changes: false,
  urgent: true,
  input: Nothing,
  output: Type.Object({ keys: Type.Array(Jwk) }),
});

/** The keys that phones trust what they are told by, oldest first: the newest signs, and the one before it is still in their set. */
export const keysPhones = operation('keys.phones', {
  scope: 'admin',
  changes: false,
  input: Nothing,
  output: Type.Object({
    keys: Type.Array(
      Type.Object({
        kid: Type.String({ description: 'Its thumbprint (RFC 7638).' }),
        keySet: Type.Integer({ description: 'Version of the set that it came with.' }),
        signsFrom: Type.String({ format: 'date-time' }),
        trusted: Type.Boolean({ description: 'By phones that have the newest set.' }),
      }),
    ),
  }),
});

/** Makes a new signing key. It is published at once and signs after the lead time; the old one stays published. */
export const keysRotate = operation('keys.rotate', {
  scope: 'admin',
  changes: true,
  input: Type.Object(
    {
      of: Type.Optional(
        Type.Enum(['results', 'phones'], {
          description: 'What it signs: results of logins, unless given, or what phones are told. Phones need no lead.',
        }),
      ),
      leadSeconds: Type.Optional(
        Type.Integer({
          minimum: 0,
          maximum: 604_800,
          description: 'Time for callers to learn the new key; 1 hour unless given.',
        }),
      ),
    },
    closed,
  ),
  output: Type.Object({ kid: Type.String(), signsFrom: Type.String({ format: 'date-time' }) }),
});

/** Encrypts every secret again under the newest key of the ring, a batch at a time. */
export const keysRewrap = operation('keys.rewrap', {
  scope: 'admin',
  changes: true,
  input: Type.Object({ batch: Type.Optional(Type.Integer({ minimum: 1, maximum: 1000 })) }, closed),
  output: Type.Object({ rewrapped: Type.Integer(), remaining: Type.Integer() }),
});

export const auditFind = operation('audit.find', {
  scope: 'admin',
  changes: false,
  input: Type.Object(
    {
      userId: Type.Optional(Type.String({ maxLength: 64 })),
      type: Type.Optional(Type.String({ maxLength: 64 })),
      after: Type.Optional(Type.String({ maxLength: 256, description: '`next` of the page before.' })),
      limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 500, default: 50 })),
    },
    closed,
  ),
  output: Type.Object({
    events: Type.Array(
      Type.Object({
        at: Type.String({ format: 'date-time' }),
        type: Type.String(),
        userId: Type.Optional(Type.String()),
        applicationId: Type.Optional(Type.String()),
        challengeId: Type.Optional(Type.String()),
        method: Type.Optional(Type.String()),
        reason: Type.Optional(Type.String()),
        actor: Type.Optional(Type.String()),
        replica: Type.Optional(Type.String()),
        attemptId: Type.String(),
        traceId: Type.Optional(
          Type.String({ description: 'W3C trace id, as in logs, traces and the header Trace-Id.' }),
        ),
        detail: Type.Unknown(),
      }),
    ),
    next: Type.Optional(Type.String()),
  }),
});

/** What a carrier says of a message it took. Informs metrics and audit; never proof of anything (TEL-20). */
export const messageStatus = operation('message.status', {
  scope: 'none',
  changes: true,
  input: Type.Object(
    {
      carrier: Type.String({ minLength: 1, maxLength: 64 }),
      /** Path and query as received; the carrier's signature covers the configured public address and this. */
      path: Type.String({ maxLength: 2048 }),
      headers: Type.Record(Type.String({ maxLength: 128 }), Type.String({ maxLength: 2048 })),
      /** The raw body, base64. */
      body: Type.String({ maxLength: 65_536 }),
    },
    closed,
  ),
  output: Type.Object({}),
});

/** `warn` stops nobody today. `fail` means that something promised does not work, or will not at the next failure. */
export const CHECK_LEVELS = ['ok', 'warn', 'fail'] as const;
export type CheckLevel = (typeof CHECK_LEVELS)[number];

const Check = Type.Object({
  name: Type.String({ examples: ['postgres.primary'] }),
  level: Type.Enum([...CHECK_LEVELS]),
  detail: Type.String({ description: 'What was found. Holds no secret and no address with a password.' }),
  advice: Type.Optional(Type.String({ description: 'What to do when it is not ok.' })),
});
export type Check = Static<typeof Check>;

/** One replica looks at everything it depends on. Each replica serves it by itself, so that a caller hears all of them. */
export const systemCheck = operation('system.check', {
  scope: 'admin',
  changes: false,
  urgent: true,
  input: Nothing,
  output: Type.Object({
    replica: Type.String(),
    at: Type.String({ format: 'date-time', description: 'The clock of the replica when it answered.' }),
    checks: Type.Array(Check),
  }),
});
