import type { CALLS, Welcome } from '../api.ts';
import { standingOf } from '../session/state.ts';
import type { Handle } from './call.ts';

/** Languages in which every word of the pages is there. */
const LANGUAGES = ['en', 'ru'];

/** What a page needs to begin: how we look, how one signs in, and where the person stands. A closed tab goes on from it, on any replica. */
export function welcomeTo(
  house: Omit<Welcome, 'standing' | 'languages' | 'language'>,
): Handle<(typeof CALLS)['welcome']> {
  return (_context, _input, session) => {
    const { state } = session ?? {};
    const language = state?.stage === 'signed-in' ? state.language : state?.first?.language;
    const answer: Welcome = {
      ...house,
      languages: LANGUAGES,
      standing: standingOf(state),
      ...(language !== undefined && { language }),
    };
    return Promise.resolve({ answer, becomes: 'stay' });
  };
}
