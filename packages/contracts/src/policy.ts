import { Type, type Static } from 'typebox';
import { MethodName } from './challenge.ts';
import { Uuid } from './ids.ts';
import { operation } from './operation.ts';
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
          description: 'Allowed methods, best first.',
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
    attempts: Type.Object(
      {
        free: Type.Integer({
          minimum: 1,
          maximum: 20,
          description: 'Wrong codes in a row before the first wait.',
        }),
        firstWaitSeconds: seconds(1, 3600),
        longestWaitSeconds: seconds(1, 86_400),
        anywhere: Lane,
        knownDevice: Lane,
      },
      { ...closed, description: 'Budget of wrong codes per user and factor.' },
    ),
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
  },
  closed,
);
export type Policy = Static<typeof PolicySchema>;

type Section = { [S in keyof Policy]?: Partial<Policy[S]> };
/** A stored document: any part of the policy. */
export type PolicyDocument = Section;

/**
 * Safe as it stands. With these figures somebody who guesses at one account without a pause for a year, on every factor,
 * from unknown and known devices, has a chance under 1 % (R4; the arithmetic is a test).
 */
export const DEFAULT_POLICY: Policy = {
  methods: { order: ['totp', 'sms'] },
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
