import { Type, type Static } from 'typebox';
import { LoginContext } from './challenge.ts';
import { Access, FirstFactor, Proof } from './evidence.ts';
import { Uuid } from './ids.ts';
import { operation } from './operation.ts';
import { PasskeyAssertion, PasskeyOptions } from './passkey.ts';

const closed = { additionalProperties: false } as const;
const Timestamp = Type.String({ format: 'date-time' });

/** `enrolment`: may enrol a first factor, and nothing else. */
export const ACCESS_LEVELS = ['full', 'enrolment'] as const;
export type AccessLevel = (typeof ACCESS_LEVELS)[number];

const OpenedSession = Type.Object({
  access: Access,
  level: Type.Enum([...ACCESS_LEVELS]),
  userId: Uuid,
  username: Type.String(),
  displayName: Type.Optional(Type.String()),
  language: Type.Optional(Type.String()),
  freshUntil: Timestamp,
  expiresAt: Timestamp,
  idleSeconds: Type.Integer({ description: 'Without a request for so long, the session is to be ended.' }),
  maxSessions: Type.Integer({ description: 'As many may a person have; the oldest makes room.' }),
});
export type OpenedSession = Static<typeof OpenedSession>;

/**
 * Signs somebody in: a first factor, and what it takes besides. With `proof`, the result of a challenge for the same person that
 * began after it. With `accessCode`, an administrator's code, for whoever has no factor yet. With neither, only where policy lets a
 * password alone enrol the first factor.
 */
export const sessionOpen = operation('session.open', {
  scope: 'portal',
  changes: true,
  input: Type.Object(
    {
      firstFactor: FirstFactor,
      proof: Type.Optional(Proof),
      accessCode: Type.Optional(Type.String({ minLength: 1, maxLength: 64 })),
      context: Type.Optional(LoginContext),
    },
    closed,
  ),
  output: OpenedSession,
});

/** A second factor once more, so that what is sensitive may be done for some minutes; or the first one that was just enrolled. */
export const sessionConfirm = operation('session.confirm', {
  scope: 'portal',
  changes: true,
  input: Type.Object({ access: Access, proof: Proof }, closed),
  output: OpenedSession,
});

/** For signing in by passkey alone: nobody has said yet who they are. */
export const sessionInvite = operation('session.invite', {
  scope: 'portal',
  changes: false,
  input: Type.Object({}, closed),
  output: Type.Object({ invitation: Type.String(), passkey: PasskeyOptions, expiresAt: Timestamp }),
});

/** Signs somebody in by passkey alone, which is two factors: the key, and what unlocks it. */
export const sessionAccept = operation('session.accept', {
  scope: 'portal',
  changes: true,
  input: Type.Object(
    {
      invitation: Type.String({ minLength: 1, maxLength: 4096 }),
      passkey: PasskeyAssertion,
      context: Type.Optional(LoginContext),
    },
    closed,
  ),
  output: OpenedSession,
});

/** Ends every session of a user, on every replica, at once. */
export const sessionEnd = operation('session.end', {
  scope: 'user.write',
  changes: true,
  urgent: true,
  input: Type.Object({ userId: Uuid, reason: Type.String({ minLength: 3, maxLength: 500 }) }, closed),
  output: Type.Object({ userId: Uuid, ended: Type.Integer() }),
});
