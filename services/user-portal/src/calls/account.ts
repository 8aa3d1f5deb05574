import {
  accountBypass,
  accountConfirm,
  accountEnrol,
  accountGet,
  accountHistory,
  accountRemove,
  accountRename,
  accountReport,
  accountUpdate,
  MfaError,
  pinChoose,
  pinForget,
  questionsChoose,
  questionsGet,
} from '@countersign/contracts';
import type { CallInput, CALLS } from '../api.ts';
import type { SignedIn } from '../session/state.ts';
import type { Handle } from './call.ts';

type Calls = typeof CALLS;

export const account: Handle<Calls['account']> = async ({ ask }, _input, { state: { access } }) => ({
  answer: await ask(accountGet, { access }),
  becomes: 'stay',
});

export const updateAccount: Handle<Calls['updateAccount']> = async ({ ask }, input, { state }) => {
  const answer = await ask(accountUpdate, { access: state.access, ...input });
  const { language } = answer;
  return { answer, becomes: 'keep', state: { ...state, ...(language !== undefined && { language }) } };
};

export const enrol: Handle<Calls['enrol']> = async ({ ask }, { type, label, phone }, { state: { access } }) => {
  const named = { access, ...(label !== undefined && { label }) };
  if (type === 'phone') {
    if (phone === undefined) throw missing('/phone');
    return { answer: await ask(accountEnrol, { ...named, type, phone }), becomes: 'stay' };
  }
  const input = type === 'recovery' ? { access, type } : { ...named, type };
  return { answer: await ask(accountEnrol, input), becomes: 'stay' };
};

/** The first factor makes a session full: a gain of rights, and so another token. */
export const confirm: Handle<Calls['confirm']> = async ({ ask }, { authenticatorId, ...shown }, { state }) => {
  const { access } = state;
  const given = onlyOf(shown);
  const confirmed = await ask(accountConfirm, { access, authenticatorId, ...given }).catch((error: unknown) => {
    // The page asks every few seconds: that no phone has come yet is what it mostly hears, and no mistake of anybody.
    if ('app' in given && error instanceof MfaError && error.code === 'CHALLENGE_NOT_FOUND') return undefined;
    throw error;
  });
  if (confirmed === undefined) return { answer: { authenticatorId, state: 'pending' }, becomes: 'stay' };
  const { access: risen, ...answer } = confirmed;
  if (risen === undefined) return { answer, becomes: 'stay' };
  const full: SignedIn = {
    ...state,
    access: risen,
    level: 'full',
    freshUntil: Date.parse(confirmed.freshUntil ?? '') || 0,
  };
  return { answer, becomes: 'rise', state: full, owner: state.userId };
};

export const rename: Handle<Calls['rename']> = async ({ ask }, input, { state: { access } }) => ({
  answer: await ask(accountRename, { access, ...input }),
  becomes: 'stay',
});

export const remove: Handle<Calls['remove']> = async ({ ask }, input, { state: { access } }) => ({
  answer: await ask(accountRemove, { access, ...input }),
  becomes: 'stay',
});

export const setPin: Handle<Calls['setPin']> = async ({ ask }, { pin }, { state: { access } }) => ({
  answer: await ask(pinChoose, { access, pin }),
  becomes: 'stay',
});

export const removePin: Handle<Calls['removePin']> = async ({ ask }, _input, { state: { access } }) => ({
  answer: await ask(pinForget, { access }),
  becomes: 'stay',
});

export const bypass: Handle<Calls['bypass']> = async ({ ask }, input, { state: { access } }) => ({
  answer: await ask(accountBypass, { access, ...input }),
  becomes: 'stay',
});

export const questions: Handle<Calls['questions']> = async ({ ask }, _input, { state: { access } }) => ({
  answer: await ask(questionsGet, { access }),
  becomes: 'stay',
});

export const chooseQuestions: Handle<Calls['chooseQuestions']> = async ({ ask }, input, { state: { access } }) => ({
  answer: await ask(questionsChoose, { access, ...input }),
  becomes: 'stay',
});

export const history: Handle<Calls['history']> = async ({ ask }, input, { state: { access } }) => ({
  answer: await ask(accountHistory, { access, ...input }),
  becomes: 'stay',
});

/** app-server has ended every session by then, this one as well. */
export const report: Handle<Calls['report']> = async ({ ask }, input, { state: { access } }) => ({
  answer: await ask(accountReport, { access, ...input }),
  becomes: 'leave',
});

/** What shows that the factor works. @throws MfaError REQUEST_INVALID: nothing, or more than one thing. */
function onlyOf({ code, passkey, app }: Omit<CallInput<Calls['confirm']>, 'authenticatorId'>) {
  const given = [code, passkey, app].filter((one) => one !== undefined);
  if (given.length !== 1) throw missing('/code');
  if (app !== undefined) return { app };
  return passkey === undefined ? { code: code ?? '' } : { passkey };
}

function missing(pointer: string): MfaError {
  return new MfaError('REQUEST_INVALID', { invalid: [{ pointer, message: 'is needed here, and alone' }] });
}
