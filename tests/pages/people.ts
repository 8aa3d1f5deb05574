import type { CallOutput, CALLS, Question, Standing, Welcome } from '../../services/user-portal/src/api.ts';

type Answer<N extends keyof typeof CALLS> = CallOutput<(typeof CALLS)[N]>;
type Factor = Answer<'account'>['factors'][number];

const LATER = '2027-03-01T12:00:00.000Z';
/** Never in the way, and well formed. */
const id = (last: number) => `01970000-0000-7000-8000-${String(last).padStart(12, '0')}`;
/** Any picture: what matters is its place. */
const PICTURE =
  'data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAQAAAC1HAwCAAAAC0lEQVR42mNk+A8AAQUBAScY42YAAAAASUVORK5CYII=';

export const question = (of: Partial<Question> = {}): Question => ({
  method: 'totp',
  prompt: 'Enter the 6-digit code from your authenticator.',
  language: 'en',
  expiresAt: LATER,
  alternatives: ['sms', 'passkey', 'recovery'],
  ...of,
});

export const ASKED: Standing = { at: 'second-factor', displayName: 'Anna Bērziņa', question: question() };
export const FULL = {
  at: 'signed-in',
  level: 'full',
  displayName: 'Anna Bērziņa',
  freshUntil: LATER,
  expiresAt: LATER,
} as const satisfies Standing;
export const FIRST = { ...FULL, level: 'enrolment' } as const satisfies Standing;

export const welcome = (standing: Standing, of: Partial<Welcome> = {}): Welcome => ({
  organisation: 'Daugava Shipping',
  accent: '#0b7a75',
  languages: ['en', 'ru'],
  signIn: ['password', 'provider', 'passkey'],
  provider: 'Daugava ID',
  standing,
  ...of,
});

export const FACTORS: Factor[] = [
  {
    authenticatorId: id(1),
    type: 'passkey',
    label: 'ThinkPad',
    state: 'active',
    synced: true,
    createdAt: '2026-02-01T08:30:00.000Z',
    lastUsedAt: '2026-11-20T07:12:00.000Z',
  },
  { authenticatorId: id(2), type: 'totp', label: 'Aegis', state: 'active', createdAt: '2026-01-15T10:00:00.000Z' },
  {
    authenticatorId: id(3),
    type: 'phone',
    label: 'A telephone with a name that somebody found much too long to write',
    state: 'active',
    phone: '+371 ••• ••12',
    createdAt: '2026-01-15T10:05:00.000Z',
  },
  {
    authenticatorId: id(4),
    type: 'recovery',
    label: 'recovery',
    state: 'active',
    codesLeft: 3,
    createdAt: '2026-01-15T10:07:00.000Z',
  },
  {
    authenticatorId: id(10),
    type: 'app',
    label: 'Pixel 11',
    state: 'active',
    createdAt: '2026-03-02T08:30:00.000Z',
    lastUsedAt: '2026-11-25T07:12:00.000Z',
  },
];

export const account = (of: Partial<Answer<'account'>> = {}): Answer<'account'> => ({
  userId: id(9),
  username: 'anna',
  level: 'full',
  freshUntil: LATER,
  factors: FACTORS,
  methods: ['passkey', 'app', 'totp', 'sms', 'recovery'],
  may: {
    enrol: ['totp', 'phone', 'app', 'passkey', 'recovery'],
    remove: true,
    rename: true,
    chooseMethod: true,
    chooseLanguage: true,
    bypassSeconds: 300,
    seeHistory: true,
  },
  ...of,
});

const CHROME = 'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/150.0.0.0 Safari/537.36';
export const SESSIONS: Answer<'sessions'> = {
  sessions: [
    {
      sessionId: 'AAAAAAAAAAAAAAAA',
      current: true,
      startedAt: '2026-11-26T08:00:00.000Z',
      lastSeenAt: '2026-11-26T08:20:00.000Z',
      device: CHROME,
      ip: '192.0.2.7',
    },
    {
      sessionId: 'BBBBBBBBBBBBBBBB',
      current: false,
      startedAt: '2026-11-25T18:00:00.000Z',
      lastSeenAt: '2026-11-25T18:20:00.000Z',
      device: 'Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) AppleWebKit/605.1.15 Safari/604.1',
      ip: '2001:db8:85a3:8d3:1319:8a2e:370:7348',
    },
  ],
};
export const HISTORY: Answer<'history'> = {
  logins: (['approved', 'rejected', 'started', 'change'] as const).map((result, index) => ({
    loginId: `login-${index}`,
    at: `2026-11-2${index}T09:00:00.000Z`,
    application: 'VPN',
    result,
    what: `challenge.${result}`,
    ip: '192.0.2.7',
    location: 'Rīga',
  })),
  next: 'more',
};

/** On the phone, with a number to type there. */
export const BY_PHONE: Partial<Question> = {
  method: 'app',
  prompt: 'Open the Countersign authenticator on your phone and type 492.',
  number: '492',
  alternatives: ['totp', 'recovery'],
};

export const ENROLLED: Readonly<Record<'totp' | 'phone' | 'app' | 'recovery', Answer<'enrol'>>> = {
  totp: {
    authenticatorId: id(5),
    type: 'totp',
    state: 'pending',
    secret: 'JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP',
    qr: PICTURE,
    digits: 6,
  },
  phone: {
    authenticatorId: id(6),
    type: 'phone',
    state: 'pending',
    digits: 6,
    notice: 'Text messages can be read by others on the way. Prefer a passkey or an app.',
  },
  app: {
    authenticatorId: id(10),
    type: 'app',
    state: 'pending',
    uri: 'https://phone.example.com/activate#AAAAAAAAAAAAAAAAAAAAAA.BBBBBBBBBBBBBBBBBBBBBB',
    qr: PICTURE,
    activationCode: '492039118275',
    expiresAt: LATER,
  },
  recovery: {
    authenticatorId: id(7),
    type: 'recovery',
    state: 'active',
    codes: ['7KQ2-M9XD-4HTV', 'WB3N-8CPE-R5JY', 'ZT6G-2FHA-XN94', 'QY8D-5VKM-C3PW', 'H4RB-9TJE-G7XN', 'M2FA-6WCQ-8DKZ'],
  },
};
export const CONFIRMED: Answer<'confirm'> = { authenticatorId: id(5), state: 'active', freshUntil: LATER };
export const NEW_PASSKEY: Answer<'enrol'> = {
  authenticatorId: id(8),
  type: 'passkey',
  state: 'pending',
  passkey: {
    rp: { id: 'localhost', name: 'Daugava Shipping' },
    user: { id: 'YW5uYQ', name: 'anna', displayName: 'Anna' },
    challenge: 'Y2hhbGxlbmdlLW9mLXRoaXMtdGVzdA',
    pubKeyCredParams: [{ type: 'public-key', alg: -7 }],
    authenticatorSelection: { residentKey: 'required', userVerification: 'required' },
    attestation: 'none',
  },
};
