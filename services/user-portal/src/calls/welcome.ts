import { challengeGet, MfaError } from '@countersign/contracts';
import type { CALLS, Welcome } from '../api.ts';
import { standingOf, type SignedIn, type SigningIn } from '../session/state.ts';
import type { CallContext, Handle } from './call.ts';

/** Languages in which every word of the pages is there. */
const LANGUAGES = ['en', 'ru'];

/** What a page needs to begin: how we look, how one signs in, and where the person stands. A closed tab goes on from it, on any replica. */
export function welcomeTo(
  house: Omit<Welcome, 'standing' | 'languages' | 'language'>,
): Handle<(typeof CALLS)['welcome']> {
  return async (context, _input, session) => {
    const { state } = session ?? {};
    const isEnded = state !== undefined && (await isSignedOut(context, state));
    const language = state?.stage === 'signed-in' ? state.language : state?.first?.language;
    const answer: Welcome = {
      ...house,
      languages: LANGUAGES,
      standing: standingOf(isEnded ? undefined : state),
      ...(isEnded && { ended: true }),
      ...(language !== undefined && { language }),
    };
    return { answer, becomes: isEnded ? 'over' : 'stay' };
  };
}

/** Whether the sign-in, or session, was ended since its question was asked, as by a report on the phone. What cannot be told now is told by the next call. */
async function isSignedOut({ ask }: CallContext, state: SigningIn | SignedIn): Promise<boolean> {
  const { question } = state;
  const evidence = state.stage === 'signed-in' ? state.access : state.first?.firstFactor;
  if (question === undefined || evidence === undefined) return false;
  try {
    await ask(challengeGet, { challengeId: question.challengeId, evidence });
    return false;
  } catch (error) {
    return error instanceof MfaError && error.code === 'SIGN_IN_NEEDED';
  }
}
