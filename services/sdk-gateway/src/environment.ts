import { fromFile, settings, type SettingsOf } from '@countersign/config';
import { edgeSettings } from '@countersign/edge';
import { Type } from 'typebox';

const pem = (description: string) => Type.String({ pattern: '^\\s*-----BEGIN ', description });

/** Every setting of sdk-gateway. */
export const ENVIRONMENT = settings({
  ...edgeSettings({ service: 'sdk-gateway', port: 8200 }),
  COUNTERSIGN_PUBLIC_URL: Type.String({
    pattern: '^https://[^/]+$',
    description: 'Where callers reach this service, without a path: https://mfa.example.com. Never taken from Host.',
  }),
  COUNTERSIGN_CLIENT_CA: Type.Optional(
    fromFile(
      pem(
        'Authorities of client certificates as PEM. With it, only certificates that they signed count; without it, a ' +
          'certificate counts by its registered fingerprint alone.',
      ),
    ),
  ),
  COUNTERSIGN_CLIENT_SHARE: Type.Integer({
    minimum: 1,
    maximum: 100,
    default: 75,
    description: 'Of those, percent that one application may have.',
  }),
  COUNTERSIGN_MAX_WAITING: Type.Integer({
    minimum: 1,
    maximum: 100_000,
    default: 2000,
    description: 'Requests that wait for a challenge to end, at a time; one caller has at most a quarter of them.',
  }),
});

export type Environment = SettingsOf<typeof ENVIRONMENT>;
