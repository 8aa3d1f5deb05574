/** What a product that speaks RADIUS can do, as far as logins depend on it. Settings of a client stand above those of its profile. */
export interface RadiusProfile {
  /** As people call it. */
  title: string;
  /** It shows the text of an Access-Challenge and sends what is typed, so that codes can be asked for and numbers shown. */
  supportsChallenge: boolean;
  /** How passwords come from it. */
  passwords: readonly RadiusPasswords[];
  /** How long it waits for one answer, as docs/operations/radius.md says to set it. */
  timeoutSeconds: number;
  /** How often it sends one request in all. */
  tries: number;
  /** It sends no Message-Authenticator, whatever is configured: only a network that nobody else is in makes it safe (RAD-36). */
  cannotSign?: true;
}

export const RADIUS_PASSWORDS = ['pap', 'mschapv2', 'eap'] as const;
export type RadiusPasswords = (typeof RADIUS_PASSWORDS)[number];

/** The products that are known (RAD-50), by the name that a client's settings have. */
export const RADIUS_PROFILES = {
  'cisco-asa': {
    title: 'Cisco ASA, Firepower, AnyConnect',
    supportsChallenge: true,
    passwords: ['pap', 'mschapv2'],
    timeoutSeconds: 10,
    tries: 4,
  },
  fortigate: {
    title: 'FortiGate',
    supportsChallenge: true,
    passwords: ['pap', 'mschapv2'],
    timeoutSeconds: 5,
    tries: 12,
  },
  'palo-alto': {
    title: 'Palo Alto Networks, GlobalProtect',
    supportsChallenge: true,
    passwords: ['pap', 'mschapv2'],
    timeoutSeconds: 60,
    tries: 1,
  },
  netscaler: {
    title: 'Citrix NetScaler',
    supportsChallenge: true,
    passwords: ['pap', 'mschapv2'],
    timeoutSeconds: 60,
    tries: 1,
  },
  'nps-rd-gateway': {
    title: 'NPS in front of RD Gateway',
    supportsChallenge: false,
    passwords: ['pap', 'mschapv2', 'eap'],
    timeoutSeconds: 60,
    tries: 1,
  },
  'windows-rras': {
    title: 'Windows RRAS',
    supportsChallenge: false,
    passwords: ['mschapv2', 'pap', 'eap'],
    timeoutSeconds: 60,
    tries: 1,
  },
  'pam-radius': {
    title: 'pam_radius, before 3.0',
    supportsChallenge: true,
    passwords: ['pap'],
    timeoutSeconds: 20,
    tries: 3,
    cannotSign: true,
  },
  openvpn: {
    title: 'OpenVPN with its RADIUS plug-in',
    supportsChallenge: false,
    passwords: ['pap'],
    timeoutSeconds: 20,
    tries: 3,
    cannotSign: true,
  },
  generic: {
    title: 'Any other',
    supportsChallenge: true,
    passwords: ['pap', 'mschapv2', 'eap'],
    timeoutSeconds: 3,
    tries: 3,
  },
} as const satisfies Record<string, RadiusProfile>;

export type RadiusProfileName = keyof typeof RADIUS_PROFILES;
export const RADIUS_PROFILE_NAMES = Object.keys(RADIUS_PROFILES) as RadiusProfileName[];

/** Kept of the time that a product waits, for the answer's way (RAD-45). */
export const RADIUS_WAY_SECONDS = 3;

/** How long a person may be waited for before the product gives up, seconds (RAD-45); at least 1. */
export function radiusWaitSeconds({ timeoutSeconds, tries }: Pick<RadiusProfile, 'timeoutSeconds' | 'tries'>): number {
  return Math.max(1, timeoutSeconds * tries - RADIUS_WAY_SECONDS);
}
