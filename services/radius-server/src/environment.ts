import { fromFile, secret, settings, type SettingsOf } from '@countersign/config';
import { edgeSettings } from '@countersign/edge';
import { Type } from 'typebox';

const port = (standard: number, description: string) =>
  Type.Integer({ minimum: 0, maximum: 65_535, default: standard, description });

/** Every setting of radius-server. */
export const ENVIRONMENT = settings({
  ...edgeSettings({ service: 'radius-server', port: 8650 }),
  COUNTERSIGN_PORT: port(8650, 'HTTPS port for health and metrics.'),
  COUNTERSIGN_MAX_CONNECTIONS: Type.Integer({
    minimum: 1,
    maximum: 1_000_000,
    default: 4096,
    description: 'Open connections, of HTTPS and of RadSec each; one client address has at most a quarter of them.',
  }),
  COUNTERSIGN_RADIUS_HOSTS: Type.Array(Type.String(), {
    default: ['0.0.0.0', '::'],
    description:
      'Addresses that RADIUS is spoken on. On a machine with several, name them: an answer leaves from the address that was asked only then.',
  }),
  COUNTERSIGN_RADIUS_PORT: port(1812, 'UDP port for logins.'),
  COUNTERSIGN_RADIUS_ACCOUNTING_PORT: port(1813, 'UDP port for accounting. 0: none.'),
  COUNTERSIGN_RADSEC_PORT: port(2083, 'TCP port for RADIUS over TLS. 0: none.'),
  COUNTERSIGN_RADSEC_CA: Type.Optional(
    fromFile(
      Type.String({
        pattern: '^\\s*-----BEGIN ',
        description: 'Who signs the certificates of RADIUS clients, as PEM. Without it there is no RADIUS over TLS.',
      }),
    ),
  ),
  COUNTERSIGN_API_KEY: secret(
    Type.String({
      minLength: 1,
      description: 'Key of the application that this service is. Its scope: radius.',
    }),
  ),
  COUNTERSIGN_MAX_WAITING: Type.Integer({
    minimum: 1,
    maximum: 100_000,
    default: 4000,
    description:
      'RADIUS requests without an answer yet, at a time: decided on, waiting for a person, or refused and held back. One RADIUS client has at most half of them.',
  }),
  COUNTERSIGN_REJECT_DELAY_MS: Type.Integer({
    minimum: 500,
    maximum: 5000,
    default: 1000,
    description: 'Least time from a request to its refusal, whatever the reason.',
  }),
});

export type Environment = SettingsOf<typeof ENVIRONMENT>;
