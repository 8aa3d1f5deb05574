import { Type, type Static } from 'typebox';
import { Uuid } from './ids.ts';
import { operation } from './operation.ts';

const closed = { additionalProperties: false } as const;
const Name = Type.String({ minLength: 1, maxLength: 64, examples: ['NPS'] });

/** Everything but the secrets. */
const RadiusUpstreamSettings = Type.Object(
  {
    servers: Type.Array(
      Type.Object(
        {
          host: Type.String({ minLength: 1, maxLength: 253, examples: ['nps1.example.com'] }),
          port: Type.Integer({ minimum: 1, maximum: 65_535, examples: [1812] }),
        },
        closed,
      ),
      { minItems: 1, maxItems: 4, description: 'First choice first. The next is asked when one does not answer.' },
    ),
    timeoutSeconds: Type.Integer({ minimum: 1, maximum: 10, description: 'For one answer of one server.' }),
    tries: Type.Integer({ minimum: 1, maximum: 5, description: 'How often one server is sent the same request.' }),
    requireMessageAuthenticator: Type.Boolean({
      description:
        'Answers without it are dropped (CVE-2024-3596). Leave it on; servers from before 2024 need an update.',
    }),
  },
  closed,
);
export type RadiusUpstreamSettings = Static<typeof RadiusUpstreamSettings>;

const Secret = Type.String({
  minLength: 16,
  maxLength: 128,
  pattern: '^[!-~]+$',
  description: 'Shared by all its servers. Never shown again.',
});

const RadiusUpstreamView = Type.Object({
  upstreamId: Uuid,
  name: Type.String(),
  version: Type.Integer(),
  settings: RadiusUpstreamSettings,
  updatedAt: Type.String({ format: 'date-time' }),
});
export type RadiusUpstreamView = Static<typeof RadiusUpstreamView>;

export const radiusUpstreamCreate = operation('radius-upstream.create', {
  scope: 'admin',
  changes: true,
  input: Type.Object({ name: Name, settings: RadiusUpstreamSettings, secret: Secret }, closed),
  output: RadiusUpstreamView,
});

export const radiusUpstreamUpdate = operation('radius-upstream.update', {
  scope: 'admin',
  changes: true,
  input: Type.Object(
    {
      upstreamId: Uuid,
      expectedVersion: Type.Integer({ minimum: 1 }),
      name: Type.Optional(Name),
      settings: Type.Optional(RadiusUpstreamSettings),
      secret: Type.Optional(Secret),
    },
    closed,
  ),
  output: RadiusUpstreamView,
});

export const radiusUpstreamFind = operation('radius-upstream.find', {
  scope: 'admin',
  changes: false,
  input: Type.Object({}, closed),
  output: Type.Object({ upstreams: Type.Array(RadiusUpstreamView) }),
});

/** @throws MfaError RADIUS_UPSTREAM_USED while a client's first factor is there. */
export const radiusUpstreamDelete = operation('radius-upstream.delete', {
  scope: 'admin',
  changes: true,
  input: Type.Object({ upstreamId: Uuid }, closed),
  output: Type.Object({ upstreamId: Uuid }),
});
