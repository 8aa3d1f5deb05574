import { Type, type Static } from 'typebox';
import { Uuid } from './ids.ts';
import { operation, SCOPES } from './operation.ts';

const Name = Type.String({ minLength: 1, maxLength: 64, examples: ['Intranet'] });
const ScopeName = Type.Enum([...SCOPES]);
const Fingerprint = Type.String({
  pattern: '^[0-9a-f]{64}$',
  description: 'SHA-256 of the DER certificate, hex.',
});
const Timestamp = Type.String({ format: 'date-time' });
const OneApplication = Type.Object({ applicationId: Uuid }, { additionalProperties: false });

const KeyView = Type.Object({
  keyId: Type.String(),
  createdAt: Timestamp,
  expiresAt: Type.Optional(Timestamp),
});
const ApplicationView = Type.Object({
  applicationId: Uuid,
  name: Type.String(),
  scopes: Type.Array(ScopeName),
  keys: Type.Array(KeyView),
  certificates: Type.Array(Fingerprint),
  createdAt: Timestamp,
});
export type ApplicationView = Static<typeof ApplicationView>;
const NewKey = Type.Object({
  applicationId: Uuid,
  keyId: Type.String(),
  apiKey: Type.String({ description: 'Shown this once; only a hash is kept.' }),
});

export const applicationCreate = operation('application.create', {
  scope: 'admin',
  changes: true,
  input: Type.Object(
    {
      name: Name,
      scopes: Type.Array(ScopeName, { minItems: 1, uniqueItems: true }),
      certificates: Type.Optional(Type.Array(Fingerprint, { maxItems: 10 })),
    },
    { additionalProperties: false },
  ),
  output: NewKey,
});

/** Adds a key. The older ones stay valid for the overlap, so that callers change over without an outage. */
export const applicationRotate = operation('application.rotate', {
  scope: 'admin',
  changes: true,
  input: Type.Object(
    {
      applicationId: Uuid,
      overlapSeconds: Type.Optional(
        Type.Integer({
          minimum: 0,
          maximum: 31_536_000,
          description: 'How long older keys stay valid; 7 days unless given.',
        }),
      ),
      certificates: Type.Optional(Type.Array(Fingerprint, { maxItems: 10 })),
    },
    { additionalProperties: false },
  ),
  output: NewKey,
});

export const applicationDelete = operation('application.delete', {
  scope: 'admin',
  changes: true,
  input: OneApplication,
  output: Type.Object({ applicationId: Uuid }),
});

export const applicationFind = operation('application.find', {
  scope: 'admin',
  changes: false,
  input: Type.Object({}, { additionalProperties: false }),
  output: Type.Object({ applications: Type.Array(ApplicationView) }),
});
