import {
  AccountView,
  accountConfirm,
  accountEnrol,
  accountHistory,
  CHALLENGE_STATES,
  FACTOR_TYPES,
  Language,
  MethodName,
  PasskeyAssertion,
  PasskeyOptions,
  PasskeyRegistration,
  pinChoose,
  pinForget,
  TypedPin,
  questionsChoose,
  QuestionsView,
  ShownNumber,
  Uuid,
  WantsPin,
} from '@countersign/contracts';
import { Type, type Static, type TSchema } from 'typebox';

/** Whom a call takes: anybody, somebody who has proved a first factor, somebody who is signed in. */
export type CallNeeds = 'nobody' | 'first-factor' | 'session';

/**
 * What the pages ask of the portal. Every call is a POST of JSON with the header `x-countersign: portal`, answered with JSON or with a
 * problem (RFC 9457). Nothing is changed by GET (APP-10). Who asks stands in the cookie alone.
 */
export interface PortalCall<
  Input extends TSchema = TSchema,
  Output extends TSchema = TSchema,
  Needs extends CallNeeds = CallNeeds,
> {
  path: `/api/${string}`;
  needs: Needs;
  input: Input;
  output: Output;
  /** It mostly waits for a person, in a place of its own. */
  waits?: true;
}
export type CallInput<C extends PortalCall> = Static<C['input']>;
export type CallOutput<C extends PortalCall> = Static<C['output']>;

const closed = { additionalProperties: false } as const;
const Nothing = Type.Object({}, closed);
const Timestamp = Type.String({ format: 'date-time' });
const Code = Type.String({ minLength: 1, maxLength: 64 });

function call<Input extends TSchema, Output extends TSchema, Needs extends CallNeeds>(
  path: PortalCall['path'],
  needs: Needs,
  input: Input,
  output: Output,
): PortalCall<Input, Output, Needs> {
  return { path, needs, input, output };
}

/** A question to the person: a code, a passkey, or an approval on the phone. */
const Question = Type.Object({
  method: Type.Union([MethodName, Type.Literal('bypass')]),
  prompt: Type.String(),
  language: Type.Optional(Type.String({ description: 'Of the prompt, as the page asked in it.' })),
  expiresAt: Timestamp,
  alternatives: Type.Array(MethodName),
  pin: Type.Optional(WantsPin),
  number: Type.Optional(ShownNumber),
  passkey: Type.Optional(PasskeyOptions),
});
export type Question = Static<typeof Question>;

/** Where a person stands. The page shown follows from it alone, so a closed tab and another replica go on at the same place. */
const Standing = Type.Union([
  Type.Object({ at: Type.Literal('sign-in') }),
  Type.Object({
    at: Type.Literal('second-factor'),
    displayName: Type.String(),
    question: Type.Optional(Question),
    unasked: Type.Optional(Type.String({ description: 'Code of the error for which there is no question.' })),
  }),
  Type.Object({ at: Type.Literal('access-code'), displayName: Type.String() }),
  Type.Object({
    at: Type.Literal('signed-in'),
    level: Type.Enum(['full', 'enrolment']),
    displayName: Type.String(),
    freshUntil: Timestamp,
    expiresAt: Timestamp,
    question: Type.Optional(Question),
  }),
]);
export type Standing = Static<typeof Standing>;

/** What every page needs to know before anybody is signed in. */
const Welcome = Type.Object({
  organisation: Type.String(),
  accent: Type.Optional(Type.String({ description: 'A colour, #rrggbb.' })),
  logo: Type.Optional(Type.String({ description: 'Path.' })),
  languages: Type.Array(Type.String()),
  signIn: Type.Array(Type.Enum(['password', 'provider', 'passkey'])),
  provider: Type.Optional(Type.String({ description: 'Its name, for the button. The way: GET /sign-in/provider.' })),
  standing: Standing,
  ended: Type.Optional(Type.Literal(true, { description: 'Of a sign-in that was ended meanwhile, as by a report.' })),
  language: Type.Optional(Type.String({ description: 'Of the person, when they are known and chose one.' })),
});
export type Welcome = Static<typeof Welcome>;

const withoutAccess = <Schema extends TSchema>(schema: Schema) => Type.Omit(schema, Type.Literal('access'));

const SessionView = Type.Object({
  sessionId: Type.String({ description: 'Names it, and opens nothing.' }),
  current: Type.Boolean(),
  startedAt: Timestamp,
  lastSeenAt: Timestamp,
  device: Type.Optional(Type.String()),
  ip: Type.Optional(Type.String()),
});
export type SessionView = Static<typeof SessionView>;

/** Everything that the pages can ask for. */
export const CALLS = {
  welcome: call('/api/welcome', 'nobody', Nothing, Welcome),
  signInWithPassword: call(
    '/api/sign-in/password',
    'nobody',
    Type.Object({ username: Type.String({ maxLength: 1024 }), password: Type.String({ maxLength: 1024 }) }, closed),
    Standing,
  ),
  /** Options for a passkey that needs no name; `acceptPasskey` answers. */
  invitePasskey: call('/api/sign-in/passkey', 'nobody', Nothing, Type.Object({ passkey: PasskeyOptions })),
  acceptPasskey: call(
    '/api/sign-in/passkey/accept',
    'nobody',
    Type.Object({ passkey: PasskeyAssertion }, closed),
    Standing,
  ),
  /** Asks the person for a second factor: while signing in, or once more before something sensitive. */
  ask: call(
    '/api/second-factor/ask',
    'first-factor',
    Type.Object({ method: Type.Optional(MethodName) }, closed),
    Standing,
  ),
  answer: call(
    '/api/second-factor/answer',
    'first-factor',
    Type.Object({ code: Code, pin: Type.Optional(TypedPin) }, closed),
    Standing,
  ),
  answerWithPasskey: call(
    '/api/second-factor/answer/passkey',
    'first-factor',
    Type.Object({ passkey: PasskeyAssertion }, closed),
    Standing,
  ),
  /**
   * What became of the question with this number on the phone: when it is known, or after some seconds `pending`. Changes nothing, so that
   * it may be asked, given up and asked again; what comes of an approval is fetched by `claim`.
   */
  wait: {
    ...call(
      '/api/second-factor/wait',
      'first-factor',
      Type.Object({ number: ShownNumber }, closed),
      Type.Object({ state: Type.Enum([...CHALLENGE_STATES]) }),
    ),
    waits: true,
  },
  /** Goes on after an approval on the phone. */
  claim: call('/api/second-factor/claim', 'first-factor', Type.Object({ number: ShownNumber }, closed), Standing),
  resend: call('/api/second-factor/resend', 'first-factor', Nothing, Standing),
  giveAccessCode: call('/api/access-code', 'first-factor', Type.Object({ code: Code }, closed), Standing),
  signOut: call('/api/sign-out', 'nobody', Nothing, Standing),

  sessions: call('/api/sessions', 'session', Nothing, Type.Object({ sessions: Type.Array(SessionView) })),
  /** One, or all but this one, or all. */
  endSessions: call(
    '/api/sessions/end',
    'session',
    Type.Object(
      {
        which: Type.Union([
          Type.Literal('others'),
          Type.Literal('all'),
          Type.String({ pattern: '^[A-Za-z0-9_-]{16}$' }),
        ]),
      },
      closed,
    ),
    Type.Object({ ended: Type.Integer() }),
  ),

  account: call('/api/account', 'session', Nothing, AccountView),
  updateAccount: call(
    '/api/account/update',
    'session',
    Type.Object(
      { language: Type.Optional(Language), methods: Type.Optional(Type.Array(MethodName, { maxItems: 10 })) },
      closed,
    ),
    AccountView,
  ),
  enrol: call(
    '/api/account/enrol',
    'session',
    Type.Object(
      {
        type: Type.Enum([...FACTOR_TYPES]),
        label: Type.Optional(Type.String({ minLength: 1, maxLength: 64 })),
        phone: Type.Optional(Type.String({ maxLength: 20 })),
      },
      closed,
    ),
    accountEnrol.output,
  ),
  confirm: call(
    '/api/account/confirm',
    'session',
    Type.Object(
      {
        authenticatorId: Uuid,
        code: Type.Optional(Code),
        passkey: Type.Optional(PasskeyRegistration),
        app: Type.Optional(Type.Literal('activated')),
      },
      closed,
    ),
    Type.Union([
      withoutAccess(accountConfirm.output),
      Type.Object(
        { authenticatorId: Uuid, state: Type.Literal('pending') },
        { description: 'Of an app: no phone has activated it yet.' },
      ),
    ]),
  ),
  rename: call(
    '/api/account/rename',
    'session',
    Type.Object({ authenticatorId: Uuid, label: Type.String({ minLength: 1, maxLength: 64 }) }, closed),
    Type.Object({ authenticatorId: Uuid, label: Type.String() }),
  ),
  remove: call(
    '/api/account/remove',
    'session',
    Type.Object({ authenticatorId: Uuid }, closed),
    Type.Object({ authenticatorId: Uuid }),
  ),
  setPin: call('/api/account/pin', 'session', withoutAccess(pinChoose.input), pinChoose.output),
  removePin: call('/api/account/pin/remove', 'session', Nothing, pinForget.output),
  bypass: call(
    '/api/account/bypass',
    'session',
    Type.Object({ seconds: Type.Integer({ minimum: 10, maximum: 900 }) }, closed),
    Type.Object({ expiresAt: Timestamp }),
  ),
  questions: call('/api/account/questions', 'session', Nothing, QuestionsView),
  chooseQuestions: call(
    '/api/account/questions/choose',
    'session',
    Type.Object({ answers: questionsChoose.input.properties.answers }, closed),
    QuestionsView,
  ),
  history: call(
    '/api/account/history',
    'session',
    Type.Object(
      {
        after: Type.Optional(Type.String({ maxLength: 256 })),
        limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 100 })),
      },
      closed,
    ),
    accountHistory.output,
  ),
  report: call(
    '/api/account/report',
    'session',
    Type.Object({ loginId: Type.String({ maxLength: 256 }) }, closed),
    Type.Object({ reportedAt: Timestamp, sessionsEnded: Type.Integer() }),
  ),
} as const satisfies Record<string, PortalCall>;
