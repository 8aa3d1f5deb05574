import { Type, type Static } from 'typebox';
import { Uuid } from './ids.ts';
import { operation } from './operation.ts';

const closed = { additionalProperties: false } as const;
const Name = Type.String({ minLength: 1, maxLength: 64, examples: ['Hospital AD'] });
const Attribute = Type.String({ pattern: '^[A-Za-z][A-Za-z0-9-]{0,63}$' });
const DistinguishedName = Type.String({ minLength: 1, maxLength: 1024, examples: ['DC=example,DC=com'] });

/** Everything but the password. Schemas are those of Active Directory, or of RFC 2798 and RFC 4519 for others. */
const DirectorySettings = Type.Object(
  {
    urls: Type.Array(Type.String({ pattern: '^ldaps?://[A-Za-z0-9.\\-\\[\\]:]+/?$', maxLength: 256 }), {
      minItems: 1,
      maxItems: 8,
      uniqueItems: true,
      description: 'Servers, first choice first. `ldap://` is used with StartTLS, never without TLS.',
      examples: [['ldaps://dc1.example.com', 'ldaps://dc2.example.com']],
    }),
    kind: Type.Enum(['active-directory', 'ldap']),
    authorities: Type.Optional(
      Type.String({
        maxLength: 65_536,
        description: "PEM, of who signed the certificates of the servers; the system's unless given.",
      }),
    ),
    baseDn: DistinguishedName,
    bindDn: Type.Optional(Type.String({ maxLength: 1024, description: 'Whom to look people up as.' })),
    userFilter: Type.Optional(
      Type.String({
        maxLength: 1024,
        description: 'Who counts as a person, RFC 4515.',
        examples: ['(objectClass=person)'],
      }),
    ),
    netbiosNames: Type.Array(Type.String({ maxLength: 64 }), { maxItems: 20, description: 'Before the backslash.' }),
    suffixes: Type.Array(Type.String({ maxLength: 253 }), { maxItems: 50, description: 'After the @ of a UPN.' }),
    attributes: Type.Optional(
      Type.Partial(
        Type.Object(
          {
            id: Attribute,
            username: Attribute,
            principalName: Attribute,
            displayName: Attribute,
            mail: Attribute,
            language: Attribute,
            phones: Type.Array(Attribute, { maxItems: 5 }),
          },
          closed,
        ),
        closed,
      ),
    ),
    country: Type.Optional(
      Type.String({
        pattern: '^[A-Z]{2}$',
        description: 'Of phone numbers that begin with no +, ISO 3166.',
        examples: ['LV'],
      }),
    ),
    timeoutMs: Type.Optional(Type.Integer({ minimum: 200, maximum: 10_000 })),
  },
  closed,
);
export type DirectorySettings = Static<typeof DirectorySettings>;

const DirectoryView = Type.Object({
  directoryId: Uuid,
  name: Type.String(),
  version: Type.Integer(),
  settings: DirectorySettings,
  hasPassword: Type.Boolean(),
  updatedAt: Type.String({ format: 'date-time' }),
});
export type DirectoryView = Static<typeof DirectoryView>;

const BindPassword = Type.String({ minLength: 1, maxLength: 256, description: 'Of `bindDn`. Never shown again.' });

export const directoryCreate = operation('directory.create', {
  scope: 'admin',
  changes: true,
  input: Type.Object({ name: Name, settings: DirectorySettings, bindPassword: Type.Optional(BindPassword) }, closed),
  output: DirectoryView,
});

export const directoryUpdate = operation('directory.update', {
  scope: 'admin',
  changes: true,
  input: Type.Object(
    {
      directoryId: Uuid,
      expectedVersion: Type.Integer({ minimum: 1 }),
      name: Type.Optional(Name),
      settings: Type.Optional(DirectorySettings),
      bindPassword: Type.Optional(BindPassword),
    },
    closed,
  ),
  output: DirectoryView,
});

export const directoryFind = operation('directory.find', {
  scope: 'admin',
  changes: false,
  input: Type.Object({}, closed),
  output: Type.Object({ directories: Type.Array(DirectoryView) }),
});

/** Its users stay, and cannot sign in by password any more. */
export const directoryDelete = operation('directory.delete', {
  scope: 'admin',
  changes: true,
  input: Type.Object({ directoryId: Uuid }, closed),
  output: Type.Object({ directoryId: Uuid }),
});

/** Looks whether each server answers, and what it says of one name. No password is tried. */
export const directoryCheck = operation('directory.check', {
  scope: 'admin',
  changes: false,
  input: Type.Object({ directoryId: Uuid, username: Type.Optional(Type.String({ maxLength: 256 })) }, closed),
  output: Type.Object({
    servers: Type.Array(
      Type.Object({
        url: Type.String(),
        ok: Type.Boolean(),
        ms: Type.Number(),
        problem: Type.Optional(Type.String({ description: 'What is wrong, and what to do.' })),
      }),
    ),
    person: Type.Optional(
      Type.Object({
        dn: Type.String(),
        names: Type.Array(Type.String()),
        displayName: Type.Optional(Type.String()),
        mail: Type.Optional(Type.String()),
        language: Type.Optional(Type.String()),
        phones: Type.Array(Type.String(), { description: 'Masked.' }),
        status: Type.Enum(['enabled', 'disabled', 'expired', 'locked']),
        userId: Type.Optional(Uuid),
      }),
    ),
  }),
});
