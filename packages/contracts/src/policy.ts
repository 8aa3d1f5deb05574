import { Type, type Static } from 'typebox';
import { MethodName } from './challenge.ts';
import { Uuid } from './ids.ts';
import { operation } from './operation.ts';
import { MAX_PIN_DIGITS } from './pin.ts';
import { Language } from './user.ts';

/** The longest life of a code sent out of band, in seconds. Not a setting: SP 800-63B-4 section 3.1.3, AAL-11. */
export const MAX_CODE_LIFE_SECONDS = 600;

const closed = { additionalProperties: false } as const;
const seconds = (minimum: number, maximum: number) => Type.Integer({ minimum, maximum });

const Lane = Type.Object(
  {
    burst: Type.Integer({
      minimum: 1,
      maximum: 100,
      description: 'Wrong codes in a row that the bucket holds.',
    }),
    refillSeconds: seconds(60, 2_592_000),
  },
  closed,
);
const Attempts = {
  free: Type.Integer({
    minimum: 1,
    maximum: 20,
    description: 'Wrong ones in a row before the first wait.',
  }),
  firstWaitSeconds: seconds(1, 3600),
  longestWaitSeconds: seconds(1, 86_400),
  anywhere: Lane,
  knownDevice: Lane,
};

/**
 * One document per scope: global, then application. Everything is optional in a stored document; what is left out is
 * inherited. DEFAULT_POLICY is the document with everything in it.
 */
export const PolicySchema = Type.Object(
  {
    methods: Type.Object(
      {
        order: Type.Array(MethodName, {
          minItems: 1,
          uniqueItems: true,
          description:
            'Allowed methods, best first. Passkeys are for pages of the portal: leave RADIUS and LDAP another one.',
        }),
      },
      closed,
    ),
    code: Type.Object(
      {
        digits: Type.Integer({ minimum: 6, maximum: 10 }),
        lifeSeconds: seconds(30, MAX_CODE_LIFE_SECONDS),
        originHost: Type.Union([Type.String({ maxLength: 253, pattern: '^[a-z0-9.-]+$' }), Type.Null()], {
          description: 'Host of the page where the code is typed; adds the origin-bound last line. Null: no such line.',
        }),
      },
      closed,
    ),
    totp: Type.Object(
      {
        pastSteps: Type.Integer({ minimum: 0, maximum: 10 }),
        futureSteps: Type.Integer({ minimum: 0, maximum: 10 }),
        maxDriftSteps: Type.Integer({ minimum: 0, maximum: 10 }),
        issuer: Type.String({ minLength: 1, maxLength: 64, pattern: '^[^:]+$' }),
        enrolmentLifeSeconds: seconds(60, 3600),
      },
      closed,
    ),
    challenge: Type.Object({ lifeSeconds: seconds(30, 600) }, closed),
    attempts: Type.Object(Attempts, { ...closed, description: 'Budget of wrong codes per user and factor.' }),
    passwords: Type.Object(Attempts, {
      ...closed,
      description:
        'Budget of wrong passwords per user. Each is one that the directory counts towards its own lock-out.',
    }),
    users: Type.Object(
      {
        unknown: Type.Union([Type.Literal('decoy'), Type.Literal('refuse')]),
        requireMatch: Type.Boolean({
          description: 'Start only for users that exist. Off: an application may ask for the truth and decide itself.',
        }),
        maxAuthenticators: Type.Integer({ minimum: 1, maximum: 10 }),
      },
      closed,
    ),
    texts: Type.Record(
      Language,
      Type.Object(
        {
          sms: Type.Optional(Type.String({ minLength: 1, maxLength: 300, description: 'Must hold {{code}}.' })),
        },
        closed,
      ),
      { description: 'Per language; {{code}}, {{application}} and {{minutes}} are filled in.' },
    ),
    messages: Type.Object(
      {
        carriers: Type.Array(Type.String({ maxLength: 64 }), {
          description: 'Names of configured carriers, first choice first.',
        }),
        prefixes: Type.Array(Type.String({ pattern: '^\\+[0-9]{1,7}$' }), {
          description: 'Number prefixes that may be sent to. Empty: every country.',
        }),
        perNumberHour: Type.Integer({ minimum: 1, maximum: 100_000 }),
        perNumberDay: Type.Integer({ minimum: 1, maximum: 1_000_000 }),
        perPrefixHour: Type.Integer({ minimum: 1, maximum: 10_000_000 }),
        perDay: Type.Integer({ minimum: 1, maximum: 100_000_000 }),
        resendWaitSeconds: seconds(0, 3600),
        maxResends: Type.Integer({ minimum: 0, maximum: 10 }),
      },
      closed,
    ),
    result: Type.Object({ lifeSeconds: seconds(10, 300) }, closed),
    directory: Type.Object(
      {
        createUsers: Type.Boolean({
          description: 'Whoever the directory knows becomes a user with the first right password.',
        }),
        statusSeconds: seconds(5, 300),
        phones: Type.Enum(['ignore', 'enrol'], {
          description: '`enrol`: numbers of the directory become phones of whoever is made or linked by it.',
        }),
      },
      { ...closed, description: 'How far the directory is believed.' },
    ),
    passkeys: Type.Object(
      {
        userVerification: Type.Enum(['required', 'preferred'], {
          description: '`required`: the key is unlocked by PIN or body, so that it is two factors.',
        }),
        syncable: Type.Boolean({ description: 'Passkeys that their keeper copies between devices count.' }),
        attestation: Type.Enum(['none', 'hardware'], {
          description:
            '`hardware`: only keys whose maker vouches that hardware keeps them. Needs the metadata of FIDO.',
        }),
        models: Type.Array(Type.String({ pattern: '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' }), {
          maxItems: 100,
          uniqueItems: true,
          description: 'AAGUIDs of the models that count, where `attestation` is `hardware`. Empty: every one.',
        }),
      },
      {
        ...closed,
        description:
          'Only pages of the portal can take one: RADIUS, LDAP and applications that ask for a code cannot (WEB-10).',
      },
    ),
    pin: Type.Object(
      {
        methods: Type.Array(Type.Enum(['sms', 'totp']), {
          uniqueItems: true,
          description: 'Codes of these need the person’s PIN as well. Empty: none do.',
        }),
        minLength: Type.Integer({ minimum: 4, maximum: MAX_PIN_DIGITS }),
        allowWeak: Type.Boolean(),
        history: Type.Integer({ minimum: 0, maximum: 24, description: 'So many of the last ones are refused.' }),
        lifeDays: Type.Integer({
          minimum: 0,
          maximum: 3650,
          description: 'After so long it has to be changed; 0: never.',
        }),
      },
      {
        ...closed,
        description: 'For those who come from a product that had one. It is a password and no factor (AAL-24).',
      },
    ),
    app: Type.Object(
      {
        digits: Type.Integer({ minimum: 2, maximum: 6, description: 'Of the number that is typed to approve.' }),
        lifeSeconds: seconds(30, 300),
        activationSeconds: seconds(60, 600),
        maxDevices: Type.Integer({ minimum: 1, maximum: 10 }),
        prompts: Type.Object(
          { burst: Type.Integer({ minimum: 1, maximum: 100 }), refillSeconds: seconds(1, 86_400) },
          {
            ...closed,
            description: 'So many in a row may be sent to one person, and one more each time so long has passed.',
          },
        ),
        unanswered: Type.Integer({
          minimum: 1,
          maximum: 20,
          description: 'After so many without an approval no more is sent for coolDownSeconds.',
        }),
        coolDownSeconds: seconds(60, 86_400),
        userVerification: Type.Enum(['none', 'passkey'], {
          description:
            '`passkey`: approvals need the passkey of the phone. `none`: only of phones whose owner has added one.',
        }),
        reportBlocks: Type.Boolean({
          description: 'After "this was not me" nothing is sent to the person until an administrator allows it again.',
        }),
      },
      { ...closed, description: 'Approvals in the Countersign authenticator.' },
    ),
    recovery: Type.Object({ codes: Type.Integer({ minimum: 5, maximum: 20 }) }, closed),
    portal: Type.Object(
      {
        signIn: Type.Array(Type.Enum(['password', 'provider', 'passkey']), { minItems: 1, uniqueItems: true }),
        firstEnrolment: Type.Enum(['access-code', 'password'], {
          description: '`password`: whoever knows the password enrols the first factor. Weak: label it (R16).',
        }),
        dormantDays: Type.Integer({
          minimum: 1,
          maximum: 3650,
          description: 'Who did not sign in for so long enrols nothing without an access code (R18).',
        }),
        freshSeconds: seconds(30, 300),
        idleSeconds: seconds(60, 3600),
        absoluteSeconds: seconds(300, 43_200),
        maxSessions: Type.Integer({ minimum: 1, maximum: 20 }),
        enrol: Type.Array(Type.Enum(['totp', 'phone', 'app', 'passkey', 'recovery']), { uniqueItems: true }),
        maxPhones: Type.Integer({ minimum: 0, maximum: 5, description: 'The second is the backup phone.' }),
        remove: Type.Boolean(),
        rename: Type.Boolean(),
        setPin: Type.Boolean(),
        chooseMethod: Type.Boolean(),
        chooseLanguage: Type.Boolean(),
        bypassSeconds: Type.Integer({ minimum: 0, maximum: 900, description: 'Longest bypass for oneself; 0: none.' }),
        history: Type.Boolean(),
      },
      { ...closed, description: 'What people may do for themselves.' },
    ),
    notices: Type.Object(
      {
        sms: Type.Boolean({ description: 'To the other phones of the person.' }),
        mail: Type.Boolean({ description: 'To their mail address, where mail is configured.' }),
      },
      { ...closed, description: 'How people are told that a factor was added or taken away (AAL-26).' },
    ),
    questions: Type.Object(
      {
        count: Type.Integer({ minimum: 0, maximum: 10, description: 'How many people choose; 0: off.' }),
        ask: Type.Integer({ minimum: 1, maximum: 5, description: 'How many of them the help desk asks.' }),
      },
      { ...closed, description: 'What a help desk asks who calls. Never a way to sign in.' },
    ),
    handover: Type.Object(
      {
        returnUrls: Type.Array(Type.String({ pattern: '^https://[^\\s#]{1,1000}$' }), {
          maxItems: 20,
          uniqueItems: true,
          description: 'Where a person may be sent back to, exactly. Set it per application.',
        }),
      },
      closed,
    ),
  },
  closed,
);
export type Policy = Static<typeof PolicySchema>;

type Section = { [S in keyof Policy]?: Partial<Policy[S]> };
/** A stored document: any part of the policy. */
export type PolicyDocument = Section;

/**
 * Safe as it stands. With these figures somebody who guesses at one account without a pause for a year, on every factor,
 * from unknown and known browsers, has a chance under 1 % (R4; the arithmetic is a test).
 */
export const DEFAULT_POLICY: Policy = {
  methods: { order: ['passkey', 'app', 'totp', 'sms', 'recovery'] },
  code: { digits: 6, lifeSeconds: 300, originHost: null },
  totp: {
    pastSteps: 1,
    futureSteps: 1,
    maxDriftSteps: 2,
    issuer: 'Countersign',
    enrolmentLifeSeconds: 600,
  },
  challenge: { lifeSeconds: 300 },
  attempts: {
    free: 5,
    firstWaitSeconds: 30,
    longestWaitSeconds: 3600,
    anywhere: { burst: 20, refillSeconds: 21_600 },
    knownDevice: { burst: 20, refillSeconds: 43_200 },
  },
  // Four in a quarter of an hour, from wherever they come: domains that lock do so at five or more.
  passwords: {
    free: 3,
    firstWaitSeconds: 300,
    longestWaitSeconds: 3600,
    anywhere: { burst: 20, refillSeconds: 21_600 },
    knownDevice: { burst: 20, refillSeconds: 43_200 },
  },
  users: { unknown: 'decoy', requireMatch: true, maxAuthenticators: 5 },
  texts: {},
  messages: {
    carriers: [],
    prefixes: [],
    perNumberHour: 5,
    perNumberDay: 10,
    perPrefixHour: 1000,
    perDay: 10_000,
    resendWaitSeconds: 30,
    maxResends: 3,
  },
  result: { lifeSeconds: 120 },
  directory: { createUsers: false, statusSeconds: 30, phones: 'ignore' },
  passkeys: { userVerification: 'required', syncable: true, attestation: 'none', models: [] },
  pin: { methods: [], minLength: 8, allowWeak: false, history: 5, lifeDays: 0 },
  // Of 100 logins that somebody else begins, three reach the person: then it is quiet for a quarter of an hour (R22).
  app: {
    digits: 3,
    lifeSeconds: 90,
    activationSeconds: 600,
    maxDevices: 3,
    prompts: { burst: 5, refillSeconds: 120 },
    unanswered: 3,
    coolDownSeconds: 900,
    userVerification: 'none',
    reportBlocks: true,
  },
  recovery: { codes: 10 },
  portal: {
    signIn: ['password', 'provider', 'passkey'],
    firstEnrolment: 'access-code',
    dormantDays: 90,
    freshSeconds: 300,
    idleSeconds: 900,
    absoluteSeconds: 28_800,
    maxSessions: 5,
    enrol: ['totp', 'phone', 'app', 'passkey', 'recovery'],
    maxPhones: 2,
    remove: true,
    rename: true,
    setPin: true,
    chooseMethod: true,
    chooseLanguage: true,
    bypassSeconds: 0,
    history: true,
  },
  notices: { sms: true, mail: true },
  questions: { count: 0, ask: 2 },
  handover: { returnUrls: [] },
};

/** `global` or the id of an application. */
const PolicyScope = Type.Union([Type.Literal('global'), Uuid]);

export const policyGet = operation('policy.get', {
  scope: 'admin',
  changes: false,
  input: Type.Object({ scope: PolicyScope }, closed),
  output: Type.Object({ scope: Type.String(), version: Type.Integer(), document: Type.Unknown() }),
});

export const policySet = operation('policy.set', {
  scope: 'admin',
  changes: true,
  input: Type.Object(
    {
      scope: PolicyScope,
      /** The version this change was made from, so that two administrators do not overwrite each other. 0: none yet. */
      expectedVersion: Type.Integer({ minimum: 0 }),
      document: Type.Unknown(),
    },
    closed,
  ),
  output: Type.Object({ scope: Type.String(), version: Type.Integer() }),
});

export const policyExplain = operation('policy.explain', {
  scope: 'admin',
  changes: false,
  input: Type.Object({ applicationId: Type.Optional(Uuid) }, closed),
  output: Type.Object({
    values: Type.Array(
      Type.Object({
        path: Type.String({ examples: ['code.digits'] }),
        value: Type.Unknown(),
        origin: Type.String({ examples: ['default', 'global v3'] }),
      }),
    ),
  }),
});
