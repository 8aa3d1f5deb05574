import { Type } from 'typebox';
import { operation } from './operation.ts';

const PostgresNode = Type.Object({
  name: Type.String({ description: 'Host and port.' }),
  role: Type.Enum(['primary', 'standby', 'stale', 'unknown'], {
    description: '`stale`: calls itself primary although another was promoted after it. It is not used.',
  }),
  reachable: Type.Boolean(),
  lagMs: Type.Optional(Type.Number({ description: 'How far a standby is behind.' })),
});

const StreamCopy = Type.Object({
  server: Type.String(),
  leads: Type.Boolean(),
  current: Type.Boolean({ description: 'It has all that the leader has.' }),
});

const Stream = Type.Object({
  name: Type.String(),
  copies: Type.Array(StreamCopy),
  messages: Type.Integer(),
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
    node: Type.String({ description: 'Version of Node.js.' }),
    startedAt: Type.String({ format: 'date-time' }),
    server: Type.String({ description: 'The NATS server that it is connected to.' }),
    /** It takes work: its clock is right and it knows that the ledger lost nothing. */
    takesWork: Type.Boolean(),
    postgres: Type.Array(PostgresNode),
    streams: Type.Array(Stream),
  }),
});
