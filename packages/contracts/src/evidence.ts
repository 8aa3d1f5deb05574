import { Type } from 'typebox';

/**
 * A JWT that app-server signed and reads again itself: what an edge holds in place of a right of its own. An edge that was broken into
 * has the evidence of the people who came through it, and nobody else's.
 */
const Evidence = (description: string) => Type.String({ minLength: 1, maxLength: 4096, description });

/** Says that a first factor was right. Good for opening one session, within minutes. */
export const FirstFactor = Evidence('That the first factor was right; good for minutes.');
/** Says who is signed in, how far, and when the second factor was right last. */
export const Access = Evidence('Who is signed in, and how far.');
/**
 * Whose sign-in a question belongs to: `FirstFactor`, or `Access` of who is signed in. Where that has ended, as by a report of the person,
 * nothing is asked or sent for it any more: SIGN_IN_NEEDED.
 */
export const SignInEvidence = Evidence('Of the sign-in, or the session, that this is for.');
/** The signed result of a challenge that the same application started. */
export const Proof = Evidence('Signed result of a challenge.');

/** A user-friendly answer: what the page needs to know of who is signing in. */
export const FirstFactorAnswer = Type.Object({
  firstFactor: FirstFactor,
  userId: Type.String(),
  username: Type.String(),
  displayName: Type.Optional(Type.String()),
  language: Type.Optional(Type.String()),
  expiresAt: Type.String({ format: 'date-time' }),
  next: Type.Enum(['second-factor', 'access-code', 'enrolment', 'nothing'], {
    description:
      '`second-factor`: start a challenge. `access-code`: no factor yet, and an administrator must give a code first. `enrolment`: no ' +
      'factor yet, open a session for enrolling one. `nothing`: this alone was both factors, open the session.',
  }),
});
