import { Type, type Static } from 'typebox';
import { Uuid } from './ids.ts';
import { operation } from './operation.ts';
import { RADIUS_PASSWORDS, RADIUS_PROFILE_NAMES } from './radius-profile.ts';
import { Language } from './user.ts';

const closed = { additionalProperties: false } as const;
const Name = Type.String({ minLength: 1, maxLength: 64, examples: ['VPN gateway Riga'] });
const AttributeName = Type.String({ pattern: '^[A-Za-z][A-Za-z0-9-]{0,63}$', examples: ['Filter-Id'] });

/** An attribute by its name in the dictionary, and its value as text. */
export const RadiusAttributeText = Type.Object(
  { name: AttributeName, value: Type.String({ minLength: 1, maxLength: 253, examples: ['staff'] }) },
  closed,
);

const FirstFactor = Type.Union(
  [
    Type.Object({ by: Type.Literal('directory') }, closed),
    Type.Object({ by: Type.Literal('none') }, closed),
    Type.Object({ by: Type.Literal('upstream'), upstreamId: Uuid }, closed),
  ],
  {
    description:
      'Who holds the password: the directory, an upstream RADIUS server, or nobody here since the client has done it. With `none` what is ' +
      'typed is a code.',
  },
);

/** What is typed behind the password, for clients that show no challenge (RAD-51). */
const Appended = Type.Union(
  [
    Type.Object({ how: Type.Literal('none') }, closed),
    Type.Object({ how: Type.Literal('digits'), digits: Type.Integer({ minimum: 6, maximum: 8 }) }, closed),
    Type.Object(
      {
        how: Type.Literal('separator'),
        separator: Type.String({ minLength: 1, maxLength: 1, pattern: '^[!-/:-@\\[-`{-~]$', examples: [','] }),
      },
      closed,
    ),
  ],
  {
    description:
      '`digits`: the last so many characters, where they are digits, are the code. `separator`: what stands after the last of them is a code, ' +
      'or one of the words `app` (also `push`), `code`, `sms`, `recovery`.',
  },
);

const RADIUS_ACCOUNTING = ['sessions', 'everything', 'none'] as const;

/** Everything but the secret. */
export const RadiusClientSettings = Type.Object(
  {
    networks: Type.Array(Type.String({ maxLength: 64, examples: ['192.0.2.10', '2001:db8::/64'] }), {
      maxItems: 32,
      uniqueItems: true,
      description: 'Addresses and networks that it asks from over UDP. Of two clients the narrower network counts.',
    }),
    certificates: Type.Optional(
      Type.Array(
        Type.Union([
          Type.Object({ fingerprint: Type.String({ pattern: '^[0-9a-f]{64}$' }) }, closed),
          Type.Object({ name: Type.String({ minLength: 1, maxLength: 253 }) }, closed),
        ]),
        {
          maxItems: 10,
          description:
            'Who it is over TLS: by the SHA-256 fingerprint of its certificate, hex, or by a DNS name in it that our authority vouches for.',
        },
      ),
    ),
    applicationId: Type.Unsafe<string>({
      ...Uuid,
      description: 'Whose policy counts, and whose name people see. Clients with the same one may continue each other.',
    }),
    profile: Type.Enum([...RADIUS_PROFILE_NAMES]),
    firstFactor: FirstFactor,
    requireMessageAuthenticator: Type.Enum(['yes', 'auto', 'no'], {
      description: '`auto` becomes `yes`, for good and everywhere, with the first request that carries a right one.',
    }),
    limitProxyState: Type.Boolean({
      description: 'Without Message-Authenticator, requests that carry Proxy-State are dropped (CVE-2024-3596).',
    }),
    supportsChallenge: Type.Optional(Type.Boolean({ description: "The profile's unless given." })),
    passwords: Type.Optional(
      Type.Array(Type.Enum([...RADIUS_PASSWORDS]), {
        minItems: 1,
        uniqueItems: true,
        description: "The profile's unless given.",
      }),
    ),
    timeoutSeconds: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: 300,
        description: "How long it waits for one answer; the profile's unless given.",
      }),
    ),
    tries: Type.Optional(
      Type.Integer({ minimum: 1, maximum: 30, description: "How often it asks in all; the profile's unless given." }),
    ),
    appended: Appended,
    allowPlainApproval: Type.Boolean({
      description:
        'Where no number can be shown, an approval in the app without one counts. It is no out-of-band factor by SP 800-63B, and is named so in the audit.',
    }),
    requireUserMatch: Type.Boolean({
      description: 'False: whoever is no user here is let in by the first factor alone, which is named in the audit.',
    }),
    uniformChallenge: Type.Boolean({
      description: 'A wrong password is asked for a code as well, and refused only then.',
    }),
    maxChallenges: Type.Integer({
      minimum: 1,
      maximum: 10,
      description: 'Challenges of one login; then it is refused.',
    }),
    accounting: Type.Enum([...RADIUS_ACCOUNTING], {
      description:
        'What of its accounting goes into the audit. `sessions`: that it, or a session, has started or stopped; the rest, as the updates in ' +
        'between, is answered and not kept. `none` is answered as well.',
    }),
    legacyCharset: Type.Optional(
      Type.Enum(['iso-8859-1', 'windows-1252'], { description: 'Of names and passwords that are no UTF-8.' }),
    ),
    language: Type.Optional(Language),
    attributes: Type.Array(RadiusAttributeText, { maxItems: 32, description: 'Returned with every Access-Accept.' }),
    groups: Type.Array(
      Type.Object(
        {
          group: Type.String({ minLength: 1, maxLength: 1024, examples: ['CN=VPN,OU=Groups,DC=example,DC=com'] }),
          attributes: Type.Array(RadiusAttributeText, { minItems: 1, maxItems: 16 }),
        },
        closed,
      ),
      { maxItems: 64, description: 'Returned to members of a group of the directory.' },
    ),
    upstreamAttributes: Type.Array(AttributeName, {
      maxItems: 64,
      uniqueItems: true,
      description: "What of the upstream's Access-Accept is handed on, besides keys and the success of MS-CHAPv2.",
    }),
  },
  closed,
);
export type RadiusClientSettings = Static<typeof RadiusClientSettings>;

/** RADIUS clients as they are before an administrator says otherwise (RAD-32, RAD-33, RAD-52). */
export const DEFAULT_RADIUS_CLIENT = {
  profile: 'generic',
  firstFactor: { by: 'directory' },
  requireMessageAuthenticator: 'yes',
  limitProxyState: true,
  appended: { how: 'none' },
  allowPlainApproval: false,
  requireUserMatch: true,
  uniformChallenge: false,
  maxChallenges: 3,
  accounting: 'sessions',
  attributes: [],
  groups: [],
  upstreamAttributes: [
    'Class',
    'Filter-Id',
    'Session-Timeout',
    'Idle-Timeout',
    'Framed-IP-Address',
    'Framed-IP-Netmask',
  ],
} as const satisfies Partial<RadiusClientSettings>;

/** Typed by whoever switches off both of what stands against forged answers (RAD-33). */
export const ACCEPT_FORGEABLE = 'anybody between us can forge an Access-Accept';

/** RFC 2865 section 3 asks for 16 octets; printable, since every product takes it by hand. */
const Secret = Type.String({ minLength: 16, maxLength: 128, pattern: '^[!-~]+$' });

const RadiusClientView = Type.Object({
  clientId: Uuid,
  name: Type.String(),
  version: Type.Integer(),
  settings: RadiusClientSettings,
  /** When `auto` became `yes`. */
  learntAt: Type.Optional(Type.String({ format: 'date-time' })),
  secretAt: Type.String({ format: 'date-time', description: 'Since when its secret is the one it is.' }),
  updatedAt: Type.String({ format: 'date-time' }),
});
export type RadiusClientView = Static<typeof RadiusClientView>;

const NewSecret = Type.String({ description: 'Shown this once.' });
const Confirmation = Type.Optional(Type.Literal(ACCEPT_FORGEABLE));

export const radiusClientCreate = operation('radius-client.create', {
  scope: 'admin',
  changes: true,
  input: Type.Object(
    { name: Name, settings: RadiusClientSettings, secret: Type.Optional(Secret), confirmation: Confirmation },
    closed,
  ),
  output: Type.Object({ client: RadiusClientView, secret: Type.Optional(NewSecret) }),
});

export const radiusClientUpdate = operation('radius-client.update', {
  scope: 'admin',
  changes: true,
  input: Type.Object(
    {
      clientId: Uuid,
      expectedVersion: Type.Integer({ minimum: 1 }),
      name: Type.Optional(Name),
      settings: Type.Optional(RadiusClientSettings),
      secret: Type.Optional(
        Type.Union([Secret, Type.Literal('new')], { description: '`new`: one is made, and shown once.' }),
      ),
      confirmation: Confirmation,
    },
    closed,
  ),
  output: Type.Object({ client: RadiusClientView, secret: Type.Optional(NewSecret) }),
});

export const radiusClientFind = operation('radius-client.find', {
  scope: 'admin',
  changes: false,
  input: Type.Object({}, closed),
  output: Type.Object({ clients: Type.Array(RadiusClientView) }),
});

export const radiusClientDelete = operation('radius-client.delete', {
  scope: 'admin',
  changes: true,
  input: Type.Object({ clientId: Uuid }, closed),
  output: Type.Object({ clientId: Uuid }),
});
