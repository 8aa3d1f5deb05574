import { fromFile, secret, settings, type SettingsOf } from '@countersign/config';
import { Type } from 'typebox';
import type { VapidKeys } from 'web-push';
import { StartRefused } from '../start-refused.ts';
import { apnsChannel, readApnsKey } from './apns.ts';
import { fcmChannel, readServiceAccount } from './fcm.ts';
import { WakeUps, type WakeUpChannel, type WakeUpsDependencies } from './wake-up.ts';
import { webPushChannel } from './web-push.ts';

/** How phones are woken. All of it is optional: a phone that is not woken finds the login when it polls. */
export const WAKE_UP_SETTINGS = settings({
  COUNTERSIGN_PUSH_CONTACT: Type.Optional(
    Type.String({
      pattern: '^(mailto:[^\\s@<>]+@[^\\s@<>]+|https://(?!localhost\\b)[^\\s@]+)$',
      description:
        'Whom push services ask when something is wrong, for example mailto:mfa@example.com; they read it with every ' +
        'wake-up. Without it no phone is woken by Web Push.',
    }),
  ),
  COUNTERSIGN_PUSH_HOSTS: Type.Array(
    Type.String({ pattern: '^([a-z0-9]([a-z0-9.-]*[a-z0-9])?|\\[[0-9a-f:.]+\\])(:[1-9][0-9]{0,4})?$' }),
    {
      default: [],
      description:
        'Push services of your own, as host or host:port. Only these may have private addresses, or another port than 443: ' +
        'otherwise a phone could make app-server call machines of the house.',
    },
  ),
  COUNTERSIGN_PUSH_CA: Type.Optional(
    fromFile(
      Type.String({
        pattern: '^\\s*-----BEGIN ',
        description: 'Authorities of those as PEM; those of the system unless set.',
      }),
    ),
  ),
  COUNTERSIGN_FCM_ACCOUNT: Type.Optional(
    secret(
      Type.String({
        description:
          'Key file of a Google service account that may send by Firebase Cloud Messaging. Without it no Android app is woken.',
      }),
    ),
  ),
  COUNTERSIGN_APNS_KEY: Type.Optional(
    secret(
      Type.String({
        description: 'Key for Apple Push Notification service, a .p8 file. Without it no app on an iPhone is woken.',
      }),
    ),
  ),
  COUNTERSIGN_APNS_KEY_ID: Type.Optional(
    Type.String({ pattern: '^[A-Z0-9]{10}$', description: 'What Apple calls that key.' }),
  ),
  COUNTERSIGN_APNS_TEAM_ID: Type.Optional(
    Type.String({ pattern: '^[A-Z0-9]{10}$', description: 'Team at Apple that the key belongs to.' }),
  ),
  COUNTERSIGN_APNS_TOPIC: Type.Optional(
    Type.String({ pattern: '^[A-Za-z0-9.-]{1,155}$', description: 'Bundle id of the app that is woken.' }),
  ),
});

export interface WakeUpsOfDependencies extends Pick<WakeUpsDependencies, 'onGone' | 'logger' | 'metrics'> {
  /** Of the installation, the same at every replica. */
  vapid: VapidKeys;
  now: () => number;
}

type WakeUpEnvironment = SettingsOf<typeof WAKE_UP_SETTINGS>;

/** @throws StartRefused when what was given cannot be used. */
export function wakeUpsOf(environment: WakeUpEnvironment, dependencies: WakeUpsOfDependencies): WakeUps {
  const { vapid, now, onGone, logger, metrics } = dependencies;
  const channels = [webPushOf(environment, vapid), fcmOf(environment, now), apnsOf(environment, now)];
  return new WakeUps({ channels: channels.filter((channel) => channel !== undefined), onGone, logger, metrics });
}

function webPushOf(environment: WakeUpEnvironment, vapid: VapidKeys): WakeUpChannel | undefined {
  const { COUNTERSIGN_PUSH_CONTACT: contact, COUNTERSIGN_PUSH_HOSTS: ownHosts } = environment;
  if (contact === undefined) return undefined;
  return webPushChannel({ contact, vapid, ownHosts, authorities: environment.COUNTERSIGN_PUSH_CA });
}

function fcmOf({ COUNTERSIGN_FCM_ACCOUNT: text }: WakeUpEnvironment, now: () => number): WakeUpChannel | undefined {
  if (text === undefined) return undefined;
  const account = readServiceAccount(text);
  if (account === undefined) {
    throw new StartRefused(
      'COUNTERSIGN_FCM_ACCOUNT is no key file of a Google service account (JSON with an RSA key).',
    );
  }
  return fcmChannel({ account, now });
}

function apnsOf(environment: WakeUpEnvironment, now: () => number): WakeUpChannel | undefined {
  const {
    COUNTERSIGN_APNS_KEY: text,
    COUNTERSIGN_APNS_KEY_ID: keyId,
    COUNTERSIGN_APNS_TEAM_ID: teamId,
    COUNTERSIGN_APNS_TOPIC: topic,
  } = environment;
  if ([text, keyId, teamId, topic].every((given) => given === undefined)) return undefined;
  if (text === undefined || keyId === undefined || teamId === undefined || topic === undefined) {
    throw new StartRefused(
      'Set all of COUNTERSIGN_APNS_KEY (or its _FILE), COUNTERSIGN_APNS_KEY_ID, COUNTERSIGN_APNS_TEAM_ID and ' +
        'COUNTERSIGN_APNS_TOPIC, or none.',
    );
  }
  const key = readApnsKey(text);
  if (key === undefined) throw new StartRefused('COUNTERSIGN_APNS_KEY is no .p8 file of Apple (PEM of a P-256 key).');
  return apnsChannel({ key, keyId, teamId, topic, now });
}
