import { fromFile, secret, settings, type SettingsOf } from '@countersign/config';
import { PRIVATE_NETWORKS } from '@countersign/http';
import { Type, type TObject } from 'typebox';

const pem = (description: string) => Type.String({ pattern: '^\\s*-----BEGIN ', description });

/** Read again when the process is told to reload. */
export const CERTIFICATE = settings({
  COUNTERSIGN_TLS_CERT: fromFile(pem('Certificate of this service as PEM, followed by its chain.')),
  COUNTERSIGN_TLS_KEY: secret(pem('Private key of the certificate as PEM.')),
});

/**
 * The settings of every service at the rim, as properties for its own.
 * @param port to listen on unless it is set.
 */
export function edgeSettings({ service, port }: { service: string; port: number }) {
  return {
    COUNTERSIGN_REPLICA: Type.String({
      minLength: 1,
      maxLength: 64,
      pattern: '^[A-Za-z0-9._-]+$',
      description: `Name of this replica in logs and in the header Countersign-Replica, for example ${service}-1.`,
    }),
    COUNTERSIGN_HOST: Type.String({
      default: '',
      description: 'Address to listen on; every one of the machine unless set.',
    }),
    COUNTERSIGN_PORT: Type.Integer({
      minimum: 0,
      maximum: 65_535,
      default: port,
      description: 'HTTPS port to listen on.',
    }),
    ...CERTIFICATE.properties,
    COUNTERSIGN_NATS_URLS: Type.Array(Type.String(), {
      minItems: 1,
      description: 'NATS servers, for example nats://nats-1:4222,nats://nats-2:4222,nats://nats-3:4222.',
    }),
    COUNTERSIGN_NATS_USER: Type.Optional(Type.String({ description: `NATS user of ${service}.` })),
    COUNTERSIGN_NATS_PASSWORD: Type.Optional(secret(Type.String({ description: 'Password of the NATS user.' }))),
    COUNTERSIGN_NATS_CREDENTIALS_FILE: Type.Optional(
      Type.String({
        description:
          'Path of the NATS credentials file that joining wrote, in place of user and password. Read again at each new connection.',
      }),
    ),
    COUNTERSIGN_NATS_CA: Type.Optional(
      fromFile(pem('Authorities of the NATS servers as PEM. With it the connection is encrypted, or there is none.')),
    ),
    COUNTERSIGN_TRUSTED_PROXIES: Type.Array(Type.String(), {
      default: [],
      description: 'Addresses and networks of balancers whose X-Forwarded-For is believed.',
    }),
    COUNTERSIGN_METRICS_FROM: Type.Array(Type.String(), {
      default: [...PRIVATE_NETWORKS],
      description: 'Addresses and networks that may read /metrics.',
    }),
    COUNTERSIGN_MAX_IN_FLIGHT: Type.Integer({
      minimum: 1,
      maximum: 100_000,
      default: 1000,
      description:
        'Requests worked on at a time; more are refused with Retry-After. Of what ends a challenge, a quarter more.',
    }),
    COUNTERSIGN_MAX_CONNECTIONS: Type.Integer({
      minimum: 1,
      maximum: 1_000_000,
      default: 4096,
      description: 'Open connections; one client address has at most a quarter of them.',
    }),
    COUNTERSIGN_NOT_READY_SECONDS: Type.Integer({
      minimum: 0,
      maximum: 5,
      default: 0,
      description:
        'How long a stopping replica says "not ready" before it takes no more connections: as long as balancers look. Of the 10 s ' +
        'within which it exits.',
    }),
    COUNTERSIGN_TRACES_URL: Type.Optional(
      Type.String({
        pattern: '^https?://[^@]+$',
        description:
          'Where spans go by OTLP/HTTP as JSON, for example http://collector:4318/v1/traces. Without it nothing is traced.',
      }),
    ),
    COUNTERSIGN_TRACES_RATIO: Type.Number({
      minimum: 0,
      maximum: 1,
      default: 0.1,
      description: 'Share of the traces that are recorded; the same in all processes.',
    }),
    COUNTERSIGN_LOG_LEVEL: Type.Enum(['debug', 'info', 'warn', 'error'], {
      default: 'info',
      description: 'How much is logged.',
    }),
  };
}

export type EdgeSettings = SettingsOf<TObject<ReturnType<typeof edgeSettings>>>;
