import { Type, type Static } from 'typebox';
import { operation } from './operation.ts';

const closed = { additionalProperties: false } as const;
const Timestamp = Type.String({ format: 'date-time' });
/** Becomes a NATS user, an inbox and a database login: nothing in it needs escaping. */
const Name = Type.String({ pattern: '^[a-z][a-z0-9-]{0,47}$', examples: ['sdk-gateway-3'] });
const Host = Type.String({ pattern: '^[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?$' });
const Service = Type.Enum([
  'app-server',
  'sdk-gateway',
  'user-portal',
  'mobile-app-web-service',
  'radius-server',
  'admin',
  'nats-server',
  'etcd',
  'postgres',
  'balancer',
]);

/** Lets one machine join, once, within the time. Nothing is admitted before it does. */
export const replicaInvite = operation('replica.invite', {
  scope: 'admin',
  changes: true,
  input: Type.Object(
    {
      service: Service,
      name: Name,
      hosts: Type.Optional(
        Type.Array(Host, {
          minItems: 1,
          maxItems: 16,
          uniqueItems: true,
          description: 'Names and addresses that its certificate is good for; the name of the replica unless given.',
        }),
      ),
      validSeconds: Type.Optional(
        Type.Integer({
          minimum: 60,
          maximum: 604_800,
          description: 'How long the token can be used; 1 hour unless given.',
        }),
      ),
    },
    closed,
  ),
  output: Type.Object({
    name: Name,
    service: Service,
    token: Type.String({ description: 'Shown this once; only a hash of its secret is kept.' }),
    expiresAt: Timestamp,
  }),
});

const ReplicaView = Type.Object({
  name: Name,
  service: Service,
  state: Type.Enum(['invited', 'active', 'revoked']),
  hosts: Type.Array(Type.String()),
  invitedAt: Timestamp,
  invitedBy: Type.String(),
  invitationExpiresAt: Type.Optional(Timestamp),
  joinedAt: Type.Optional(Timestamp),
  certificateExpiresAt: Type.Optional(Timestamp),
  fingerprint: Type.Optional(Type.String()),
  revokedAt: Type.Optional(Timestamp),
  revokedBy: Type.Optional(Type.String()),
  reason: Type.Optional(Type.String()),
});
export type ReplicaView = Static<typeof ReplicaView>;

export const replicaFind = operation('replica.find', {
  scope: 'admin',
  changes: false,
  input: Type.Object({ all: Type.Optional(Type.Boolean({ description: 'Revoked ones as well.' })) }, closed),
  output: Type.Object({ replicas: Type.Array(ReplicaView) }),
});

/** Cuts a replica off, or takes an invitation back. Repeat it for a server that was away: it does no harm. */
export const replicaRevoke = operation('replica.revoke', {
  scope: 'admin',
  changes: true,
  input: Type.Object({ name: Name, reason: Type.String({ minLength: 1, maxLength: 256 }) }, closed),
  output: Type.Object({
    name: Name,
    told: Type.Array(Type.String(), { description: 'NATS servers that refuse it from now on.' }),
    servers: Type.Integer({ description: 'NATS servers that there are.' }),
    databaseLogin: Type.Boolean({ description: 'Whether a database login was ended.' }),
  }),
});
