import {
  RADIUS_PROFILES,
  radiusWaitSeconds,
  type RadiusClientSettings,
  type RadiusPasswords,
  type RadiusProfile,
} from '@countersign/contracts';

/** What holds of a client once its settings and its profile are joined. */
export interface EffectiveSettings {
  supportsChallenge: boolean;
  /** At least one. Without an upstream server `pap` alone: nobody else can check the others. */
  passwords: readonly RadiusPasswords[];
  /** For one answer. */
  timeoutSeconds: number;
  tries: number;
  /** How long a person may be waited for (RAD-45); at least 1. */
  waitSeconds: number;
  /** `auto` that has learnt is `yes` (RAD-32). */
  requireMessageAuthenticator: 'yes' | 'auto' | 'no';
}

/** Joins the settings of a client with its profile; what the settings say stands above it. */
export function effectiveSettings(settings: RadiusClientSettings, hasLearnt: boolean): EffectiveSettings {
  const profile: RadiusProfile = RADIUS_PROFILES[settings.profile];
  const timeoutSeconds = settings.timeoutSeconds ?? profile.timeoutSeconds;
  const tries = settings.tries ?? profile.tries;
  const { requireMessageAuthenticator: required } = settings;
  return {
    supportsChallenge: settings.supportsChallenge ?? profile.supportsChallenge,
    passwords: passwordsOf(settings, profile),
    timeoutSeconds,
    tries,
    waitSeconds: radiusWaitSeconds({ timeoutSeconds, tries }),
    requireMessageAuthenticator: required === 'auto' && hasLearnt ? 'yes' : required,
  };
}

function passwordsOf({ passwords, firstFactor }: RadiusClientSettings, profile: RadiusProfile) {
  if (passwords !== undefined) return passwords;
  return firstFactor.by === 'upstream' ? profile.passwords : (['pap'] as const);
}
