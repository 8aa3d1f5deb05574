import { Type } from 'typebox';
import { operation } from './operation.ts';

const PostgresNode = Type.Object({
  name: Type.String({ description: 'Host and port.' }),
  role: Type.Enum(['primary', 'standby', 'stale', 'unknown'], {
    description: '`stale`: calls itself primary although another was promoted after it. It is not used.',
  }),
  reachable: Type.Boolean(),
  lagMs: Type.Optional(Type.Number({ description: 'How far a standby is behind.' })),
  version: Type.Optional(Type.String({ description: 'Version of Postgres, as it was last seen.' })),
  confirmedBy: Type.Optional(
    Type.String({
      description: 'Of the primary: whom it waits for before it acknowledges a write; empty when it waits for nobody.',
    }),
  ),
});

const StreamCopy = Type.Object({
  server: Type.String(),
  leads: Type.Boolean(),
  current: Type.Boolean({ description: 'It has all that the leader has.' }),
  behind: Type.Optional(Type.Integer({ description: 'Entries of the log that it lacks.' })),
});

const Stream = Type.Object({
  name: Type.String(),
  copies: Type.Array(StreamCopy),
  messages: Type.Integer(),
  wantedCopies: Type.Optional(Type.Integer({ description: 'As many as the stream was made with.' })),
});

const Clock = Type.Object({
  name: Type.String({ description: 'NATS, or a Postgres node.' }),
  aheadMs: Type.Optional(Type.Number({ description: 'Its clock less that of the replica; absent when it is away.' })),
});

const Floor = Type.Object({
  stream: Type.String(),
  proven: Type.Boolean({ description: 'The replica knows that the stream lost nothing, and decides.' }),
  at: Type.Optional(
    Type.String({ format: 'date-time', description: 'Codes from before then do not count (ADR 5); absent: all do.' }),
  ),
});

const Outage = Type.Object({
  startedAt: Type.String({ format: 'date-time' }),
  /** Absent while there is still no primary. */
  ms: Type.Optional(Type.Number()),
});

/** How one replica sees what it runs on. Each replica serves it by itself, so that a caller hears all of them. */
export const clusterStatus = operation('cluster.status', {
  scope: 'admin',
  changes: false,
  urgent: true,
  input: Type.Object({}, { additionalProperties: false }),
  output: Type.Object({
    replica: Type.String(),
    version: Type.String(),
    /** Absent: the first, 0.1.0. */
    release: Type.Optional(Type.Integer({ description: 'Which release it is, counted.' })),
    settledRelease: Type.Optional(Type.Integer({ description: 'The release that was finalized, as it knows.' })),
    node: Type.String({ description: 'Version of Node.js.' }),
    startedAt: Type.String({ format: 'date-time' }),
    server: Type.String({ description: 'The NATS server that it is connected to.' }),
    /** It takes work: its clock, version and key ring are right, and it knows that the ledger lost nothing. */
    takesWork: Type.Boolean(),
    postgres: Type.Array(PostgresNode),
    streams: Type.Array(Stream),
    // What a replica of an older version does not say.
    serverVersion: Type.Optional(Type.String({ description: 'Version of that NATS server.' })),
    at: Type.Optional(Type.String({ format: 'date-time', description: 'The clock of the replica when it answered.' })),
    clocks: Type.Optional(Type.Array(Clock)),
    floors: Type.Optional(Type.Array(Floor)),
    unsynced: Type.Optional(
      Type.Boolean({ description: 'COUNTERSIGN_NATS_UNSYNCED was set: writes are not synced to disk one by one.' }),
    ),
    /** The last time this replica knew no Postgres primary; absent: it always knew one. */
    lastOutage: Type.Optional(Outage),
  }),
});

/** How an edge sees itself. It holds nothing, so there is nothing to ask it for but this, and nobody has to say who asks. */
export const edgeStatus = operation('edge.status', {
  scope: 'none',
  changes: false,
  servedBy: 'edge',
  input: Type.Object({}, { additionalProperties: false }),
  output: Type.Object({
    replica: Type.String(),
    service: Type.String(),
    version: Type.String(),
    node: Type.String({ description: 'Version of Node.js.' }),
    startedAt: Type.String({ format: 'date-time' }),
    at: Type.String({ format: 'date-time', description: 'The clock of the replica when it answered.' }),
    server: Type.String({ description: 'The NATS server that it is connected to.' }),
    working: Type.Integer({ description: 'Requests that it is working on.' }),
    waiting: Type.Integer({ description: 'Requests that wait for a challenge to end.' }),
  }),
});

/** Asks NATS to give the lead of streams to other servers: away from one, or to where each should be. One pass; ask again until `left` is empty. */
export const leadersMove = operation('leaders.move', {
  scope: 'admin',
  changes: true,
  input: Type.Object(
    {
      server: Type.Optional(
        Type.String({
          minLength: 1,
          maxLength: 128,
          description: 'Leads nothing afterwards. Without it all is led from where it should be.',
        }),
      ),
    },
    { additionalProperties: false },
  ),
  output: Type.Object({
    moved: Type.Array(
      Type.Object({
        what: Type.String({ examples: ['AUTH_1', 'DISPATCH > senders-sms'] }),
        from: Type.String(),
        to: Type.String(),
      }),
    ),
    left: Type.Array(Type.String({ description: 'What is still led from where it should not be.' })),
  }),
});

/** Ends an upgrade. From now on records may be written that the release before cannot read; it does not come back. */
export const clusterFinalize = operation('cluster.finalize', {
  scope: 'admin',
  changes: true,
  input: Type.Object({}, { additionalProperties: false }),
  output: Type.Object({ release: Type.Integer(), version: Type.String() }),
});
