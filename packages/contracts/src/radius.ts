import { Type, type Static } from 'typebox';
import { MAX_WAIT_SECONDS } from './challenge.ts';
import { Uuid } from './ids.ts';
import { operation } from './operation.ts';

const closed = { additionalProperties: false } as const;
const octets = (minimum: number, maximum: number, description?: string) =>
  Type.String({
    pattern: '^[A-Za-z0-9+/]*={0,2}$',
    minLength: Math.ceil(minimum / 3) * 4,
    maxLength: Math.ceil(maximum / 3) * 4,
    ...(description !== undefined && { description }),
  });
const Text = Type.String({ maxLength: 253 });
const Timestamp = Type.String({ format: 'date-time' });

/** A client as a radius-server must know it, and no more: settings and profile already joined, and its secret. */
const RadiusClient = Type.Object({
  clientId: Uuid,
  name: Type.String(),
  networks: Type.Array(Type.String()),
  certificates: Type.Array(
    Type.Union([Type.Object({ fingerprint: Type.String() }), Type.Object({ name: Type.String() })]),
  ),
  secret: Type.String({ description: 'In the clear: only a radius-server may ask.' }),
  /** What was learnt counts already. */
  requireMessageAuthenticator: Type.Enum(['yes', 'auto', 'no']),
  limitProxyState: Type.Boolean(),
  timeoutSeconds: Type.Integer(),
  tries: Type.Integer(),
  legacyCharset: Type.Optional(Type.Enum(['iso-8859-1', 'windows-1252'])),
  /** The app-server wants the attributes of its requests, for an upstream server. */
  forwards: Type.Boolean(),
});
export type RadiusClient = Static<typeof RadiusClient>;

/** Every client, for a radius-server. `version` changes whenever any of them does: whoever has it is told nothing more. */
export const radiusClients = operation('radius.clients', {
  scope: 'radius',
  changes: false,
  urgent: true,
  input: Type.Object({ version: Type.Optional(Type.String({ maxLength: 64 })) }, closed),
  output: Type.Object({
    version: Type.String(),
    clients: Type.Optional(Type.Array(RadiusClient, { description: 'Absent: as of the version that was named.' })),
  }),
});

/** An attribute as it travels. `hidden: 'mppe'`: a key in the clear, which is encrypted for the client (RFC 2548 section 2.4.2). */
export const RadiusAttribute = Type.Object(
  {
    vendor: Type.Optional(Type.Integer({ minimum: 1, maximum: 0xff_ff_ff })),
    type: Type.Integer({ minimum: 1, maximum: 255 }),
    value: octets(0, 253),
    hidden: Type.Optional(Type.Literal('mppe')),
  },
  closed,
);
export type RadiusAttribute = Static<typeof RadiusAttribute>;

/** What the client says of itself and of whoever logs in. Shown to the person and kept in the audit; proof of nothing. */
const AccessServer = Type.Object(
  {
    identifier: Type.Optional(Text),
    address: Type.Optional(Text),
    port: Type.Optional(Text),
    callingStation: Type.Optional(Text),
    calledStation: Type.Optional(Text),
  },
  closed,
);

export const RADIUS_TRANSPORTS = ['udp', 'tls', 'tls-1.1'] as const;

const RadiusAnswer = Type.Union([
  Type.Object({ answer: Type.Literal('accept'), attributes: Type.Array(RadiusAttribute), send: Type.Boolean() }),
  Type.Object({ answer: Type.Literal('reject'), attributes: Type.Array(RadiusAttribute), send: Type.Boolean() }),
  Type.Object({
    answer: Type.Literal('challenge'),
    state: octets(1, 253),
    attributes: Type.Array(RadiusAttribute),
    send: Type.Boolean(),
  }),
  Type.Object({ answer: Type.Literal('wait'), ticket: Type.String(), expiresAt: Timestamp }),
]);
/**
 * What the client is told. `send: false`: another radius-server that has the same request tells it; kept for a retransmission.
 * `wait`: nobody yet; ask with `radius.wait` until there is something to tell.
 */
export type RadiusAnswer = Static<typeof RadiusAnswer>;

/**
 * Decides one Access-Request. Its attempt id is made of the client and the octets of the packet, and of no address or port: whichever replica a
 * retransmission reaches, by whatever way, it is the same attempt and hears the same answer (RAD-40 to RAD-43, INV-13). RADIUS/1.1 has no
 * retransmissions, and each packet is an attempt of its own.
 */
export const radiusLogin = operation('radius.login', {
  scope: 'radius',
  changes: true,
  input: Type.Object(
    {
      clientId: Uuid,
      username: Type.String({ maxLength: 253 }),
      /** Exactly one of these, or `state` alone. */
      password: Type.Optional(Type.String({ maxLength: 128 })),
      mschap: Type.Optional(Type.Object({ challenge: octets(16, 16), response: octets(50, 50) }, closed)),
      eap: Type.Optional(octets(1, 4096)),
      state: Type.Optional(octets(1, 253)),
      source: Type.String({ maxLength: 64, description: 'Address that the packet came from.' }),
      transport: Type.Enum([...RADIUS_TRANSPORTS]),
      accessServer: AccessServer,
      forward: Type.Optional(Type.Array(RadiusAttribute, { maxItems: 64 })),
    },
    closed,
  ),
  output: RadiusAnswer,
});

/**
 * Waits for whoever is asked in the app, until something comes of it, which is told with `wait`. With `waitSeconds` 0 it is told what: whoever
 * asks so is there to hear it. Of all who ask about one request one is told to say so.
 */
export const radiusWait = operation('radius.wait', {
  scope: 'radius',
  changes: true,
  urgent: true,
  input: Type.Object(
    {
      clientId: Uuid,
      ticket: Type.String({ minLength: 1, maxLength: 512 }),
      /** Drawn by whoever waits, and the same each time that they ask: of several, one is told to send. */
      run: Type.String({ minLength: 8, maxLength: 64 }),
      waitSeconds: Type.Integer({ minimum: 0, maximum: MAX_WAIT_SECONDS }),
    },
    closed,
  ),
  output: RadiusAnswer,
});

export const ACCOUNTING_STATUS = ['start', 'stop', 'interim', 'on', 'off', 'other'] as const;

/** Puts an Accounting-Request into the audit, as far as the client's settings have it (RAD-75). */
export const radiusAccount = operation('radius.account', {
  scope: 'radius',
  changes: true,
  input: Type.Object(
    {
      clientId: Uuid,
      status: Type.Enum([...ACCOUNTING_STATUS]),
      sessionId: Type.Optional(Text),
      username: Type.Optional(Text),
      accessServer: AccessServer,
      framedAddress: Type.Optional(Text),
      sessionSeconds: Type.Optional(Type.Integer({ minimum: 0, maximum: 0xff_ff_ff_ff })),
      inputOctets: Type.Optional(Type.Integer({ minimum: 0 })),
      outputOctets: Type.Optional(Type.Integer({ minimum: 0 })),
      cause: Type.Optional(Type.Integer({ minimum: 0, maximum: 0xff_ff_ff_ff, description: 'Acct-Terminate-Cause.' })),
    },
    closed,
  ),
  output: Type.Object({}),
});

/** What radius-servers count of a client: how its packets look, and why some were dropped. */
export const RADIUS_SIGHTINGS = [
  'pap',
  'chap',
  'mschapv2',
  'eap',
  'state',
  'accounting',
  'status-server',
  'udp',
  'tls',
  'tls-1.1',
  'message-authenticator',
  'no-message-authenticator',
  'proxy-state',
  'proxy-state-unsigned',
  'retransmission',
  'no-nas-id',
  'not-utf8',
  'dropped-malformed',
  'dropped-message-authenticator-wrong',
  'dropped-message-authenticator-missing',
  'dropped-proxy-state',
  'dropped-credentials',
  'dropped-code',
  'dropped-accounting-authenticator',
  'dropped-overload',
  'dropped-unavailable',
] as const;
export type RadiusSighting = (typeof RADIUS_SIGHTINGS)[number];
// Of names that are known a record asks for every one.
const Counts = Type.Partial(Type.Record(Type.Enum([...RADIUS_SIGHTINGS]), Type.Integer({ minimum: 1 })));

/** What one radius-server has seen since it told last. A report that is repeated under the same attempt counts once. */
export const radiusReport = operation('radius.report', {
  scope: 'radius',
  changes: true,
  input: Type.Object(
    {
      clients: Type.Array(
        Type.Object(
          {
            clientId: Uuid,
            counts: Counts,
            /** Between one packet and the same again, ms; the least and the most. */
            retransmittedAfterMs: Type.Optional(
              Type.Tuple([Type.Integer({ minimum: 0 }), Type.Integer({ minimum: 0 })]),
            ),
            /** How often one request came at most. */
            mostTries: Type.Optional(Type.Integer({ minimum: 1 })),
            /** A right Message-Authenticator came from a client that is learning (RAD-32). */
            learnt: Type.Optional(Type.Literal(true)),
          },
          closed,
        ),
        { maxItems: 1000 },
      ),
      strangers: Type.Array(
        Type.Object({ address: Type.String({ maxLength: 64 }), packets: Type.Integer({ minimum: 1 }) }, closed),
        { maxItems: 100, description: 'Who asks and is no client.' },
      ),
    },
    closed,
  ),
  output: Type.Object({}),
});

/** What is wrong with a client, or could be safer. The word is for programs; the sentence says what to do. */
const Advice = Type.Object({
  code: Type.Enum([
    'forgeable',
    'can-require-message-authenticator',
    'learning',
    'wrong-secret',
    'unsigned-dropped',
    'old-secret',
    'long-wait-unsigned',
    'wait-does-not-fit',
    'can-limit-proxy-state',
    'plain-approval',
    'first-factor-alone',
    'never-seen',
  ]),
  urgent: Type.Boolean(),
  sentence: Type.String(),
});

/** How safe each client is, by what was seen of it, and what may be enforced without locking anybody out. */
export const radiusPosture = operation('radius.posture', {
  scope: 'admin',
  changes: false,
  input: Type.Object({}, closed),
  output: Type.Object({
    clients: Type.Array(
      Type.Object({
        clientId: Uuid,
        name: Type.String(),
        profile: Type.String(),
        requireMessageAuthenticator: Type.Enum(['yes', 'auto', 'no']),
        learntAt: Type.Optional(Timestamp),
        secretAgeDays: Type.Integer(),
        waitSeconds: Type.Integer(),
        firstSeenAt: Type.Optional(Timestamp),
        lastSeenAt: Type.Optional(Timestamp),
        counts: Type.Record(Type.String(), Type.Integer()),
        retransmittedAfterMs: Type.Optional(Type.Tuple([Type.Integer(), Type.Integer()])),
        mostTries: Type.Optional(Type.Integer()),
        advice: Type.Array(Advice),
      }),
    ),
    strangers: Type.Array(
      Type.Object({ address: Type.String(), packets: Type.Integer(), firstSeenAt: Timestamp, lastSeenAt: Timestamp }),
    ),
  }),
});
