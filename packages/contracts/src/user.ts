import { Type, type Static } from 'typebox';
import { Uuid } from './ids.ts';
import { operation } from './operation.ts';

/** BCP 47 language tag, the short form that texts are kept under. */
export const Language = Type.String({
  pattern: '^[a-z]{2,3}(-[A-Za-z0-9]{2,8})*$',
  maxLength: 35,
  examples: ['en'],
});
const Username = Type.String({ minLength: 1, maxLength: 256, examples: ['alice'] });
const Aliases = Type.Array(Username, {
  maxItems: 20,
  examples: [['alice@example.com', 'EXAMPLE\\alice']],
});
const Status = Type.Union([Type.Literal('enabled'), Type.Literal('disabled')]);
const Reason = Type.String({
  minLength: 3,
  maxLength: 500,
  examples: ['Phone reported stolen, ticket 4711'],
});
const Timestamp = Type.String({ format: 'date-time' });

const AuthenticatorView = Type.Object({
  authenticatorId: Uuid,
  type: Type.Union([
    Type.Literal('totp'),
    Type.Literal('phone'),
    Type.Literal('app'),
    Type.Literal('passkey'),
    Type.Literal('recovery'),
  ]),
  label: Type.String(),
  state: Type.Union([Type.Literal('pending'), Type.Literal('active')]),
  phone: Type.Optional(Type.String({ description: 'Masked.', examples: ['+371 ••• ••12'] })),
  createdAt: Timestamp,
  lastUsedAt: Type.Optional(Timestamp),
});

const UserView = Type.Object({
  userId: Uuid,
  username: Type.String(),
  aliases: Type.Array(Type.String()),
  displayName: Type.Optional(Type.String()),
  language: Type.Optional(Type.String()),
  status: Status,
  blocked: Type.Optional(Type.Object({ reason: Type.String(), by: Type.String(), at: Timestamp })),
  promptsStopped: Type.Optional(
    Type.Object(
      { at: Timestamp },
      { description: 'They reported a login as not theirs: nothing is sent to their phones until `user.unblock`.' },
    ),
  ),
  authenticators: Type.Array(AuthenticatorView),
  createdAt: Timestamp,
  updatedAt: Timestamp,
});
export type UserView = Static<typeof UserView>;
export type AuthenticatorView = Static<typeof AuthenticatorView>;

const editable = {
  aliases: Type.Optional(Aliases),
  displayName: Type.Optional(Type.String({ maxLength: 256 })),
  language: Type.Optional(Language),
};
const OneUser = Type.Object({ userId: Uuid }, { additionalProperties: false });
const Done = Type.Object({ userId: Uuid });

export const userCreate = operation('user.create', {
  scope: 'user.write',
  changes: true,
  input: Type.Object({ username: Username, ...editable }, { additionalProperties: false }),
  output: UserView,
});

export const userGet = operation('user.get', {
  scope: 'user.read',
  changes: false,
  input: OneUser,
  output: UserView,
});

export const userUpdate = operation('user.update', {
  scope: 'user.write',
  changes: true,
  input: Type.Object(
    { userId: Uuid, username: Type.Optional(Username), status: Type.Optional(Status), ...editable },
    { additionalProperties: false },
  ),
  output: UserView,
});

export const userDelete = operation('user.delete', {
  scope: 'user.write',
  changes: true,
  input: OneUser,
  output: Done,
});

export const userFind = operation('user.find', {
  scope: 'user.read',
  changes: false,
  input: Type.Object(
    {
      username: Type.Optional(
        Type.String({
          maxLength: 256,
          description: 'Exactly this name or alias, in any spelling.',
        }),
      ),
      prefix: Type.Optional(Type.String({ maxLength: 256, description: 'Names and aliases that begin so.' })),
      limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 200, default: 50 })),
      after: Type.Optional(Type.String({ maxLength: 512, description: '`next` of the page before.' })),
    },
    { additionalProperties: false },
  ),
  output: Type.Object({ users: Type.Array(UserView), next: Type.Optional(Type.String()) }),
});

export const userBlock = operation('user.block', {
  scope: 'user.write',
  changes: true,
  urgent: true,
  input: Type.Object({ userId: Uuid, reason: Reason }, { additionalProperties: false }),
  output: Done,
});

export const userUnblock = operation('user.unblock', {
  scope: 'user.write',
  changes: true,
  input: Type.Object({ userId: Uuid, reason: Reason }, { additionalProperties: false }),
  output: Done,
});

/** A bypass lives a day at most (PCI DSS 8.5.1, AAL-50). */
export const MAX_BYPASS_SECONDS = 86_400;

export const userBypass = operation('user.bypass', {
  scope: 'admin',
  changes: true,
  input: Type.Object(
    {
      userId: Uuid,
      reason: Reason,
      seconds: Type.Optional(Type.Integer({ minimum: 10, maximum: MAX_BYPASS_SECONDS, default: 300 })),
    },
    { additionalProperties: false },
  ),
  output: Type.Object({ userId: Uuid, expiresAt: Timestamp }),
});
