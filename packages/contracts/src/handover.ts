import { Type } from 'typebox';
import {
  CHALLENGE_STATES,
  LoginContext,
  MAX_WAIT_SECONDS,
  MethodName,
  PromptLanguage,
  ShownNumber,
  TypedPin,
  WantsPin,
} from './challenge.ts';
import { ChallengeId } from './ids.ts';
import { operation } from './operation.ts';
import { PasskeyAssertion, PasskeyOptions } from './passkey.ts';

const closed = { additionalProperties: false } as const;
const Timestamp = Type.String({ format: 'date-time' });
const Request = Type.String({ minLength: 1, maxLength: 4096, description: 'As `handover.create` gave it.' });

/**
 * An application sends a person to our page for the second factor. It says who and where to return to, over its own connection, so that
 * nothing that passes the browser is believed: the page shows a request that we signed.
 */
export const handoverCreate = operation('handover.create', {
  scope: 'challenge',
  changes: true,
  input: Type.Object(
    {
      username: Type.String({ maxLength: 1024 }),
      returnUrl: Type.String({
        maxLength: 1024,
        description:
          'HTTPS, one of those that the policy of the application lists. It gets a form with `result` and `state`.',
        examples: ['https://sts.example.com/mfa/return'],
      }),
      state: Type.String({
        minLength: 16,
        maxLength: 512,
        description:
          'Ties the answer to the session at the application. The result holds it, signed, and the name as `asked`.',
        examples: ['g6kT2vX0bq1yLw8Zr4Nc'],
      }),
      language: Type.Optional(Type.String({ maxLength: 35 })),
    },
    closed,
  ),
  output: Type.Object({
    url: Type.String({ description: 'Where to send the person.' }),
    expiresAt: Timestamp,
  }),
});

const HandoverChallenge = Type.Object({
  challengeId: ChallengeId,
  state: Type.Enum(['pending', 'approved']),
  method: Type.Union([MethodName, Type.Literal('bypass')]),
  prompt: Type.String(),
  expiresAt: Timestamp,
  alternatives: Type.Array(MethodName),
  pin: Type.Optional(WantsPin),
  number: Type.Optional(ShownNumber),
  passkey: Type.Optional(PasskeyOptions),
  result: Type.Optional(Type.String()),
  returnUrl: Type.String(),
  returnState: Type.String(),
  application: Type.String({ description: 'Its name, to show.' }),
  username: Type.String({ description: 'As the application wrote it.' }),
  language: Type.Optional(Type.String()),
});

/** Starts the challenge that the request asks for, in the name of the application. */
export const handoverStart = operation('handover.start', {
  scope: 'portal',
  changes: true,
  input: Type.Object(
    {
      request: Request,
      method: Type.Optional(MethodName),
      context: Type.Optional(LoginContext),
      language: Type.Optional(PromptLanguage),
    },
    closed,
  ),
  output: HandoverChallenge,
});

const Approved = Type.Object({ result: Type.String(), returnUrl: Type.String(), returnState: Type.String() });

export const handoverVerify = operation('handover.verify', {
  scope: 'portal',
  changes: true,
  urgent: true,
  input: Type.Union([
    Type.Object(
      {
        request: Request,
        challengeId: ChallengeId,
        code: Type.String({ minLength: 1, maxLength: 64 }),
        pin: Type.Optional(TypedPin),
      },
      closed,
    ),
    Type.Object({ request: Request, challengeId: ChallengeId, passkey: PasskeyAssertion }, closed),
  ]),
  output: Approved,
});

/** Where the challenge stands, for a page that waits for the app. */
export const handoverWait = operation('handover.wait', {
  scope: 'portal',
  changes: false,
  urgent: true,
  input: Type.Object(
    {
      request: Request,
      challengeId: ChallengeId,
      waitSeconds: Type.Integer({ minimum: 0, maximum: MAX_WAIT_SECONDS }),
    },
    closed,
  ),
  output: Type.Object({ state: Type.Enum([...CHALLENGE_STATES]) }),
});

/** The result of what was approved in the app. It is handed out once. */
export const handoverClaim = operation('handover.claim', {
  scope: 'portal',
  changes: true,
  urgent: true,
  input: Type.Object({ request: Request, challengeId: ChallengeId }, closed),
  output: Approved,
});

export const handoverResend = operation('handover.resend', {
  scope: 'portal',
  changes: true,
  input: Type.Object({ request: Request, challengeId: ChallengeId }, closed),
  output: HandoverChallenge,
});

/** The person gives up: ends the challenge and says where to go back to. */
export const handoverCancel = operation('handover.cancel', {
  scope: 'portal',
  changes: true,
  urgent: true,
  input: Type.Object({ request: Request, challengeId: Type.Optional(ChallengeId) }, closed),
  output: Type.Object({ returnUrl: Type.String(), returnState: Type.String() }),
});
