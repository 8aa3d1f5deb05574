import { fromFile, secret, settings, type SettingsOf } from '@countersign/config';
import { edgeSettings } from '@countersign/edge';
import { Type } from 'typebox';

const pem = (description: string) => Type.String({ pattern: '^\\s*-----BEGIN ', description });

/** Every setting of user-portal. */
export const ENVIRONMENT = settings({
  ...edgeSettings({ service: 'user-portal', port: 8300 }),
  COUNTERSIGN_PORTAL_URL: Type.String({
    pattern: '^https://[^/]+$',
    description:
      'Where people reach the portal, without a path: https://portal.example.com. The same as app-server has. Never taken from Host.',
  }),
  COUNTERSIGN_API_KEY: secret(
    Type.String({
      minLength: 1,
      description: 'Key of the application that the portal is. Its scopes: portal, password, challenge.',
    }),
  ),
  COUNTERSIGN_ORGANISATION: Type.String({
    minLength: 1,
    maxLength: 64,
    default: 'Countersign',
    description: 'Name of the organisation, at the top of every page.',
  }),
  COUNTERSIGN_ACCENT: Type.Optional(
    Type.String({ pattern: '^#[0-9a-fA-F]{6}$', description: 'Colour of buttons and links, for example #1f5fbf.' }),
  ),
  COUNTERSIGN_LOGO_FILE: Type.Optional(
    Type.String({ description: 'Path of the logo of the organisation, SVG or PNG, at most 256 KiB.' }),
  ),
  COUNTERSIGN_PAGES: Type.Optional(
    Type.String({ description: 'Folder of the built pages; that of the release unless set.' }),
  ),
  COUNTERSIGN_OIDC_ISSUER: Type.Optional(
    Type.String({ pattern: '^https://', description: 'OpenID provider to sign in with, as app-server has it.' }),
  ),
  COUNTERSIGN_OIDC_CLIENT_ID: Type.Optional(
    Type.String({ minLength: 1, description: 'What the provider calls the portal.' }),
  ),
  COUNTERSIGN_OIDC_CLIENT_SECRET: Type.Optional(
    secret(Type.String({ minLength: 1, description: 'Secret that the provider gave the portal.' })),
  ),
  COUNTERSIGN_OIDC_NAME: Type.String({
    minLength: 1,
    maxLength: 64,
    default: 'OpenID',
    description: 'What the button says: sign in with …',
  }),
  COUNTERSIGN_OIDC_CA: Type.Optional(
    fromFile(pem('Authorities of the provider as PEM; those of the system unless set.')),
  ),
  COUNTERSIGN_SIGN_INS_PER_MINUTE: Type.Integer({
    minimum: 1,
    maximum: 100_000,
    default: 120,
    description:
      'How often one address, of IPv6 a /64, may begin a sign-in or come from an application in a minute, at this replica. Raise it where ' +
      'many people share one.',
  }),
  COUNTERSIGN_MAX_WAITING: Type.Integer({
    minimum: 1,
    maximum: 100_000,
    default: 2000,
    description: 'Requests that wait for an answer on a phone, at a time; one address has at most a quarter of them.',
  }),
});

export type Environment = SettingsOf<typeof ENVIRONMENT>;
