import { Type, type Static } from 'typebox';
import { Access } from './evidence.ts';
import { Uuid } from './ids.ts';
import { operation } from './operation.ts';

/*
 * Sessions of the portal are kept by app-server: no edge reaches a stream, since whoever may publish to one makes NATS itself answer to
 * any subject that is named as the reply (ADR 15). What is kept is sealed under the secret in the browser's cookie, so that app-server
 * opens nothing.
 */

const closed = { additionalProperties: false } as const;

/** Whose sign-ins are, before anybody has said who they are. */
export const NOBODY = 'new';

/** Where a session is kept: under a hash of its secret. Whoever does not have the cookie cannot name it. */
const SessionPlace = Type.Object(
  {
    owner: Type.Union([Type.Literal(NOBODY), Uuid], { description: "A user's id, or `new` for a sign-in under way." }),
    hash: Type.String({ pattern: '^[A-Za-z0-9_-]{43}$', description: 'SHA-256 of the secret, base64url.' }),
  },
  closed,
);
export type SessionPlace = Static<typeof SessionPlace>;

const Kept = Type.String({ minLength: 1, maxLength: 16_384, description: 'As the portal wrote it.' });
const Sequence = Type.Integer({ minimum: 0 });

const KeptSession = Type.Object({ hash: Type.String(), kept: Kept, sequence: Sequence });
export type KeptSession = Static<typeof KeptSession>;

/** Read where it was written last: one that was ended a moment ago, on whichever replica, is not found. */
export const sessionLoad = operation('session.load', {
  scope: 'portal',
  changes: false,
  urgent: true,
  input: Type.Object({ place: SessionPlace }, closed),
  output: Type.Object({ session: Type.Optional(KeptSession) }),
});

/** Writes it if nobody wrote meanwhile. Asked for twice, it is written once. */
export const sessionKeep = operation('session.keep', {
  scope: 'portal',
  changes: false,
  urgent: true,
  input: Type.Object(
    {
      place: SessionPlace,
      kept: Kept,
      expected: Type.Integer({ minimum: 0, description: 'The sequence that it was read with; 0: there is none yet.' }),
    },
    closed,
  ),
  output: Type.Object({
    sequence: Type.Optional(Type.Integer({ description: 'Absent when somebody else was first.' })),
  }),
});

export const sessionDrop = operation('session.drop', {
  scope: 'portal',
  changes: false,
  urgent: true,
  input: Type.Object({ place: SessionPlace }, closed),
  output: Type.Object({}),
});

/** Those of the person whose evidence it is, and nobody else's. */
export const sessionList = operation('session.list', {
  scope: 'portal',
  changes: false,
  input: Type.Object({ access: Access }, closed),
  output: Type.Object({ sessions: Type.Array(KeptSession) }),
});
