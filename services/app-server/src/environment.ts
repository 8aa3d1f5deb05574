import { ACCEPT_UNSYNCED } from '@countersign/authority';
import { fromFile, secret, settings, type SettingsOf } from '@countersign/config';
import { PRIVATE_NETWORKS } from '@countersign/http';
import { Type } from 'typebox';
import { WAKE_UP_SETTINGS } from './wake-up/settings.ts';
import { MOST_PARTITIONS } from './ledger/partition.ts';

const pem = (description: string) => Type.String({ pattern: '^\\s*-----BEGIN ', description });

/** Read again when the process is told to reload. */
export const CERTIFICATE = settings({
  COUNTERSIGN_TLS_CERT: Type.Optional(
    fromFile(
      pem('Certificate of this replica as PEM. With it and its key the port speaks HTTPS, and replicas can join.'),
    ),
  ),
  COUNTERSIGN_TLS_KEY: Type.Optional(secret(pem('Private key of the certificate as PEM.'))),
});

/** Every setting of app-server. `pnpm countersign` and `npm start` set the same ones. */
export const ENVIRONMENT = settings({
  COUNTERSIGN_REPLICA: Type.String({
    minLength: 1,
    maxLength: 64,
    description:
      'Name of this replica in logs, audit and answers; unique among the replicas, for example app-server-1.',
  }),
  COUNTERSIGN_HOST: Type.String({ default: '127.0.0.1', description: 'Address to listen on, an inside one.' }),
  COUNTERSIGN_PORT: Type.Integer({
    minimum: 0,
    maximum: 65_535,
    default: 8100,
    description: 'Port of health and metrics, later of the admin API; with a certificate also where replicas join.',
  }),
  ...CERTIFICATE.properties,
  COUNTERSIGN_JOIN_URLS: Type.Array(Type.String({ pattern: '^https://[^/?#@]+$' }), {
    default: [],
    description:
      'Where machines that join reach app-servers, for example https://app-server-1:8100; written into join tokens.',
  }),
  COUNTERSIGN_AUTHORITY: Type.Optional(
    secret(
      Type.String({
        description:
          'authority.json of countersign cluster init. Taken into the database at the first start, sealed; remove it then.',
      }),
    ),
  ),
  COUNTERSIGN_LOG_LEVEL: Type.Enum(['debug', 'info', 'warn', 'error'], {
    default: 'info',
    description: 'How much is logged.',
  }),
  COUNTERSIGN_MAX_IN_FLIGHT: Type.Integer({
    minimum: 1,
    maximum: 100_000,
    default: 2048,
    description:
      'Operations worked on at a time; more are refused with Retry-After. Of what ends a challenge, a quarter more.',
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
  COUNTERSIGN_METRICS_FROM: Type.Array(Type.String(), {
    default: [...PRIVATE_NETWORKS],
    description: 'Addresses and networks that may read /metrics.',
  }),
  COUNTERSIGN_NATS_URLS: Type.Array(Type.String(), {
    minItems: 1,
    description: 'NATS servers, for example nats://nats-1:4222,nats://nats-2:4222,nats://nats-3:4222.',
  }),
  COUNTERSIGN_NATS_USER: Type.Optional(Type.String({ description: 'NATS user of app-server.' })),
  COUNTERSIGN_NATS_PASSWORD: Type.Optional(secret(Type.String({ description: 'Password of the NATS user.' }))),
  COUNTERSIGN_NATS_CREDENTIALS_FILE: Type.Optional(
    Type.String({
      description:
        'Path of the NATS credentials file that joining wrote, in place of user and password. Read again at each new connection.',
    }),
  ),
  COUNTERSIGN_NATS_CA: Type.Optional(
    fromFile(
      Type.String({
        pattern: '^\\s*-----BEGIN ',
        description: 'Authorities of the NATS servers as PEM. With it the connection is encrypted, or there is none.',
      }),
    ),
  ),
  COUNTERSIGN_NATS_REPLICAS: Type.Integer({
    minimum: 1,
    maximum: 5,
    default: 1,
    description: 'Copies of each JetStream stream: 3 in production, 1 where there is one NATS server.',
  }),
  COUNTERSIGN_NATS_UNSYNCED: Type.Optional(
    Type.Enum([ACCEPT_UNSYNCED], {
      description:
        'Lets app-server start on several copies although a NATS server is older than 2.10 and cannot sync each write to disk. ' +
        'Then what was decided in the last two minutes is on no disk: it is lost when most NATS servers lose power together.',
    }),
  ),
  COUNTERSIGN_LEDGER_STREAMS: Type.Integer({
    minimum: 1,
    maximum: MOST_PARTITIONS,
    default: 1,
    description:
      'Streams over which users are spread; chosen once, before the first start. Three in a cluster: then a server that dies ' +
      'holds up a third of the users for some seconds.',
  }),
  COUNTERSIGN_POSTGRES_URLS: secret(
    Type.Array(Type.String(), {
      minItems: 1,
      description: 'All Postgres nodes, in any order; the primary is found by asking. They hold a password.',
    }),
  ),
  COUNTERSIGN_POSTGRES_OWNER_URLS: Type.Optional(
    secret(
      Type.Array(Type.String(), {
        description:
          'The same nodes for the owner of the schema, who migrates. Without it app-server migrates as itself.',
      }),
    ),
  ),
  COUNTERSIGN_KEY_RING: secret(
    Type.String({
      description: 'Encryption keys, id:base64 of 32 bytes, comma-separated. The first encrypts, all decrypt.',
    }),
  ),
  COUNTERSIGN_CARRIERS_FILE: Type.Optional(
    Type.String({ description: 'JSON file with the carriers of SMS; without it nothing can be sent.' }),
  ),
  COUNTERSIGN_SMTP_URL: Type.Optional(
    secret(
      Type.String({
        pattern: '^smtps?://',
        description:
          'Mail server that takes notices to people, for example smtps://user:password@mail.example.com. With smtp:// it must ' +
          'offer STARTTLS, unless it is on this machine. Without it nobody gets mail.',
      }),
    ),
  ),
  COUNTERSIGN_SMTP_CA: Type.Optional(
    fromFile(pem('Authorities of the mail server as PEM; those of the system unless set.')),
  ),
  COUNTERSIGN_MAIL_FROM: Type.Optional(
    Type.String({
      pattern: '^[^\\s<>@,;:"]+@[A-Za-z0-9.-]+$',
      description: 'Address that notices come from, for example no-reply@example.com.',
    }),
  ),
  COUNTERSIGN_PUBLIC_URL: Type.String({
    pattern: '^https://',
    description:
      'Where callers reach sdk-gateway: issuer of signed results, address in delivery callbacks. Never from Host.',
  }),
  COUNTERSIGN_OIDC_ISSUER: Type.Optional(
    Type.String({
      pattern: '^https://',
      description:
        'OpenID provider whose ID tokens count as a first factor at the portal: exactly what it calls itself.',
    }),
  ),
  COUNTERSIGN_OIDC_CLIENT_ID: Type.Optional(
    Type.String({ minLength: 1, description: 'What that provider calls the portal: the audience of its ID tokens.' }),
  ),
  COUNTERSIGN_OIDC_USERNAME_CLAIM: Type.Optional(
    Type.String({
      minLength: 1,
      maxLength: 64,
      description:
        'Claim with a name of a user, for example upn: links an identity with a user at the first sign-in. Without it only ' +
        'identities that are linked already count.',
    }),
  ),
  COUNTERSIGN_OIDC_CA: Type.Optional(
    fromFile(Type.String({ description: 'Authorities of the provider as PEM; those of the system unless set.' })),
  ),
  COUNTERSIGN_PORTAL_URL: Type.Optional(
    Type.String({
      pattern: '^https?://',
      description:
        'Where people reach user-portal, for example https://portal.example.com. Passkeys are bound to its host for ever. ' +
        'Without it there is no passkey.',
    }),
  ),
  ...WAKE_UP_SETTINGS.properties,
  COUNTERSIGN_DEVICE_URL: Type.Optional(
    Type.String({
      pattern: '^https://[^/]+$',
      description: 'Where phones reach mobile-app-web-service; without it no app can be activated.',
    }),
  ),
  COUNTERSIGN_FIDO_METADATA_FILE: Type.Optional(
    Type.String({
      description:
        'File of the FIDO Metadata Service, brought from https://mds3.fidoalliance.org/. Needed where the policy takes ' +
        'only security keys whose maker is known. Looked at again every minute.',
    }),
  ),
  COUNTERSIGN_FIDO_METADATA_CA: Type.Optional(
    fromFile(pem('Authority of that file as PEM, in place of the FIDO Alliance’s, for metadata of your own.')),
  ),
});

export type Environment = SettingsOf<typeof ENVIRONMENT>;
