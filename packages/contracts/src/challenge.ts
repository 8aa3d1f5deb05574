import { Type, type Static } from 'typebox';
import { SignInEvidence } from './evidence.ts';
import { ChallengeId } from './ids.ts';
import { operation } from './operation.ts';
import { PasskeyAssertion, PasskeyOptions } from './passkey.ts';

/** How a person answers. The word is the same in policy, audit, ledger and on the wire. */
export const METHODS = ['passkey', 'app', 'totp', 'sms', 'recovery'] as const;
export type Method = (typeof METHODS)[number];
export const MethodName = Type.Enum([...METHODS]);
/**
 * Those that only a caller who says so is offered: a passkey takes a page of ours, an app a caller who shows the number and waits, and
 * recovery codes are for when all else is lost.
 */
export const METHODS_ON_REQUEST = ['passkey', 'app', 'recovery'] as const satisfies readonly Method[];

/** To show beside the prompt: what the person types into the app is this number, so that nobody approves what somebody else began. */
export const ShownNumber = Type.String({
  pattern: '^[0-9]{2,6}$',
  description: 'Show it: the person types it into the app.',
  examples: ['492'],
});

/** `approved` without a person's answer happens only through a one-time bypass, which is named as the method. */
export const CHALLENGE_STATES = ['pending', 'approved', 'denied', 'cancelled', 'expired'] as const;
export type ChallengeStateName = (typeof CHALLENGE_STATES)[number];
const StateName = Type.Enum([...CHALLENGE_STATES]);
const MethodOrBypass = Type.Union([MethodName, Type.Literal('bypass')]);

const Timestamp = Type.String({ format: 'date-time', examples: ['2026-11-23T09:30:00.000Z'] });

/** What the relying application knows of the login. Shown to the person and kept in the audit; never proof of anything. */
export const LoginContext = Type.Object(
  {
    ip: Type.Optional(Type.String({ maxLength: 64, examples: ['203.0.113.7'] })),
    device: Type.Optional(Type.String({ maxLength: 128, examples: ['Firefox on Debian'] })),
    location: Type.Optional(Type.String({ maxLength: 128, examples: ['Riga'] })),
  },
  { additionalProperties: false },
);

const SignedResult = Type.String({
  description: 'JWT (RFC 7519), ES256, valid for a short time. Verify it with the keys at /.well-known/jwks.json.',
});

/** Beside a code, where the challenge says `pin`. What is not digits is a wrong one. */
export const TypedPin = Type.String({
  maxLength: 64,
  description: 'Where the challenge said `pin: true`. Empty: the person has none.',
  examples: ['58203917'],
});
export const WantsPin = Type.Boolean({ description: 'The code needs the person’s PIN as well. Absent: it does not.' });

/** Of the page that shows the prompt. What is sent to the person is in theirs, whatever the page speaks. */
export const PromptLanguage = Type.String({
  pattern: '^[a-z]{2,3}(-[A-Za-z0-9]{2,8})*$',
  maxLength: 35,
  description: "In which the page asks: of `prompt` alone. The person's unless given.",
  examples: ['en'],
});

const StartedChallenge = Type.Object({
  challengeId: ChallengeId,
  state: StateName,
  method: MethodOrBypass,
  prompt: Type.String({ examples: ['Enter the 6-digit code sent to ••• •••12.'] }),
  expiresAt: Timestamp,
  alternatives: Type.Array(MethodName),
  pin: Type.Optional(WantsPin),
  number: Type.Optional(ShownNumber),
  passkey: Type.Optional(PasskeyOptions),
  result: Type.Optional(SignedResult),
});

export const challengeStart = operation('challenge.start', {
  scope: 'challenge',
  changes: true,
  input: Type.Object(
    {
      username: Type.String({ maxLength: 1024, examples: ['alice'] }),
      method: Type.Optional(MethodName),
      also: Type.Optional(
        Type.Array(Type.Enum([...METHODS_ON_REQUEST]), {
          uniqueItems: true,
          maxItems: METHODS_ON_REQUEST.length,
          description: 'What the page can take besides codes that are sent or shown by an app.',
        }),
      ),
      context: Type.Optional(LoginContext),
      language: Type.Optional(PromptLanguage),
      evidence: Type.Optional(SignInEvidence),
      revealUnknown: Type.Optional(
        Type.Boolean({
          description:
            'Ask for the truth: an unknown or unusable user is an error and not a decoy. Needs the scope user.read.',
        }),
      ),
    },
    { additionalProperties: false },
  ),
  output: StartedChallenge,
});

const VerifiedChallenge = Type.Object({
  challengeId: ChallengeId,
  state: Type.Literal('approved'),
  method: MethodOrBypass,
  result: SignedResult,
});

export const challengeVerify = operation('challenge.verify', {
  scope: 'challenge',
  changes: true,
  urgent: true,
  input: Type.Object(
    {
      challengeId: ChallengeId,
      code: Type.String({ minLength: 1, maxLength: 64, examples: ['492039'] }),
      pin: Type.Optional(TypedPin),
    },
    { additionalProperties: false },
  ),
  output: VerifiedChallenge,
});

/** Answers a challenge with a passkey in place of a code. */
export const challengeAssert = operation('challenge.assert', {
  scope: 'challenge',
  changes: true,
  urgent: true,
  input: Type.Object({ challengeId: ChallengeId, passkey: PasskeyAssertion }, { additionalProperties: false }),
  output: Type.Object({
    challengeId: ChallengeId,
    state: Type.Literal('approved'),
    method: Type.Literal('passkey'),
    result: SignedResult,
  }),
});

const ChallengeView = Type.Object({
  challengeId: ChallengeId,
  state: StateName,
  method: MethodOrBypass,
  expiresAt: Timestamp,
});

/** Longest time one request waits for a challenge to end. */
export const MAX_WAIT_SECONDS = 30;

export const challengeGet = operation('challenge.get', {
  scope: 'challenge',
  changes: false,
  urgent: true,
  input: Type.Object(
    {
      challengeId: ChallengeId,
      waitSeconds: Type.Optional(
        Type.Integer({
          minimum: 0,
          maximum: MAX_WAIT_SECONDS,
          description:
            'Answer when the challenge ends, or after so many seconds. It may come earlier with `pending`: ask again.',
        }),
      ),
      evidence: Type.Optional(SignInEvidence),
    },
    { additionalProperties: false },
  ),
  output: ChallengeView,
});

/** How long after a challenge has ended its result can be fetched. */
export const CLAIM_SECONDS = 60;

const OneChallenge = Type.Object({ challengeId: ChallengeId }, { additionalProperties: false });

/** Fetches the result of a challenge that a person approved elsewhere: in the app. It is handed out once. */
export const challengeClaim = operation('challenge.claim', {
  scope: 'challenge',
  changes: true,
  urgent: true,
  input: OneChallenge,
  output: VerifiedChallenge,
});

export const challengeCancel = operation('challenge.cancel', {
  scope: 'challenge',
  changes: true,
  urgent: true,
  input: OneChallenge,
  output: ChallengeView,
});

export const challengeResend = operation('challenge.resend', {
  scope: 'challenge',
  changes: true,
  input: OneChallenge,
  output: StartedChallenge,
});

export type StartedChallenge = Static<typeof StartedChallenge>;
export type VerifiedChallenge = Static<typeof VerifiedChallenge>;
export type ChallengeView = Static<typeof ChallengeView>;
