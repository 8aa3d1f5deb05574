import { secret, settings, type SettingsOf } from '@countersign/config';
import { edgeSettings } from '@countersign/edge';
import { Type } from 'typebox';

/** Every setting of mobile-app-web-service. */
export const ENVIRONMENT = settings({
  ...edgeSettings({ service: 'mobile-app-web-service', port: 8400 }),
  COUNTERSIGN_MAX_CONNECTIONS: Type.Integer({
    minimum: 1,
    maximum: 1_000_000,
    default: 32_768,
    description:
      'Open connections, of which each phone that waits has one; one client address has at most a quarter of them.',
  }),
  COUNTERSIGN_DEVICE_URL: Type.String({
    pattern: '^https://[^/]+$',
    description:
      'Where phones reach this service, without a path: https://phones.example.com. The same as app-server has. What phones sign names it, ' +
      'so it is never taken from Host.',
  }),
  COUNTERSIGN_API_KEY: secret(
    Type.String({
      minLength: 1,
      description: 'Key of the application that this service is. Its scope: device.',
    }),
  ),
  COUNTERSIGN_PAGES: Type.Optional(
    Type.String({ description: 'Folder of the built authenticator; that of the release unless set.' }),
  ),
  COUNTERSIGN_MAX_WAITING: Type.Integer({
    minimum: 1,
    maximum: 100_000,
    default: 25_000,
    description: 'Phones that wait for a login, at a time; one address has at most a quarter of them.',
  }),
  COUNTERSIGN_ACTIVATIONS_PER_MINUTE: Type.Integer({
    minimum: 1,
    maximum: 100_000,
    default: 20,
    description:
      'How often one address, of IPv6 a /64, may try to activate a phone in a minute, at this replica. Raise it where many people share one.',
  }),
});

export type Environment = SettingsOf<typeof ENVIRONMENT>;
