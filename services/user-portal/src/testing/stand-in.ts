import { endpoint, type CallRequest, type Endpoint } from '@countersign/bus';
import * as contracts from '@countersign/contracts';
import { MfaError, type ChallengeStateName, type OpenedSession, type StartedChallenge } from '@countersign/contracts';

/** A person whom the stand-in knows by name. Each has a user id made of it. */
export function userIdOf(username: string): string {
  const hex = Buffer.from(username.padEnd(6, '_').slice(0, 6)).toString('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4000-8000-000000000000`;
}

export interface Asked {
  operation: string;
  input: Record<string, unknown>;
  request: CallRequest;
}

/** By name: what the phone of somebody answers, and when. It is claimed once. */
export type Phones = Map<string, Promise<ChallengeStateName>>;

const RIGHT_CODE = '111111';
const later = (seconds: number) => new Date(Date.now() + seconds * 1000).toISOString();

/**
 * Stands for app-server: people whose password is `right` and whose code is 111111. Its evidence says whose it is, so that a test sees whom
 * the portal speaks for. Who asks for the app sees the number 492, and what their phone says is what the test puts into `phones`.
 * @param reported who said that a login was not theirs: what was said of their sign-in before counts no more.
 */
export function standIn(asked: Asked[], phones: Phones = new Map(), reported: Set<string> = new Set()): Endpoint[] {
  const started = (username: string, method?: string): StartedChallenge => ({
    challengeId: `challenge-of-${username}`,
    state: 'pending',
    ...(method === 'app'
      ? { method, number: '492', prompt: 'Approve in the app.', alternatives: ['totp'] }
      : { method: 'totp', prompt: 'Enter the 6-digit code from your authenticator.', alternatives: ['sms'] }),
    expiresAt: later(300),
  });
  /** When the phone has answered, or the time is over. */
  const stateAt = async (challengeId: string, waitSeconds: number) => {
    const waited = new Promise<'pending'>((resolve) => {
      setTimeout(() => resolve('pending'), waitSeconds * 1000).unref();
    });
    return Promise.race([phones.get(challengeId.replace('challenge-of-', '')) ?? waited, waited]);
  };
  const claim = async (challengeId: string) => {
    const username = challengeId.replace('challenge-of-', '');
    if ((await stateAt(challengeId, 0)) !== 'approved') throw new MfaError('CHALLENGE_NOT_FOUND');
    phones.delete(username);
    return username;
  };
  const opened = (username: string, level: 'full' | 'enrolment' = 'full'): OpenedSession => ({
    access: `access of ${username}`,
    level,
    userId: userIdOf(username),
    username,
    displayName: `${username} Example`,
    freshUntil: later(300),
    expiresAt: later(28_800),
    idleSeconds: 900,
    maxSessions: 3,
  });
  const whose = (evidence: string) => evidence.split(' of ')[1] ?? '';
  const assertUnder = (evidence: string) => {
    if (reported.has(whose(evidence))) throw new MfaError('SIGN_IN_NEEDED');
  };
  const handover = (request: string) => ({
    returnUrl: 'https://sts.example.com/return',
    returnState: 'state-of-the-application',
    application: 'AD FS <test>',
    username: whose(request),
  });
  const answers: Record<string, (input: never) => unknown> = {
    'password.verify': ({ username, password }: { username: string; password: string }) => {
      if (password !== 'right') throw new MfaError('CREDENTIALS_REJECTED');
      const next = username.startsWith('new') ? 'access-code' : 'second-factor';
      return {
        firstFactor: `first factor of ${username}`,
        userId: userIdOf(username),
        username,
        expiresAt: later(600),
        next,
      };
    },
    'challenge.start': ({ username, method, evidence }: { username: string; method?: string; evidence: string }) => {
      assertUnder(evidence);
      return started(username, method);
    },
    'challenge.get': async ({
      challengeId,
      waitSeconds = 0,
      evidence,
    }: {
      challengeId: string;
      waitSeconds?: number;
      evidence: string;
    }) => {
      const state = await stateAt(challengeId, waitSeconds);
      assertUnder(evidence);
      return { challengeId, state, method: 'app', expiresAt: later(300) };
    },
    'challenge.claim': async ({ challengeId }: { challengeId: string }) => ({
      challengeId,
      state: 'approved',
      method: 'app',
      result: `proof of ${await claim(challengeId)}`,
    }),
    'challenge.resend': ({ challengeId }: { challengeId: string }) => started(challengeId.replace('challenge-of-', '')),
    'challenge.verify': ({ challengeId, code }: { challengeId: string; code: string }) => {
      if (code !== RIGHT_CODE) throw new MfaError('CODE_REJECTED');
      return {
        challengeId,
        state: 'approved',
        method: 'totp',
        result: `proof of ${challengeId.replace('challenge-of-', '')}`,
      };
    },
    'session.open': ({ firstFactor, accessCode }: { firstFactor: string; accessCode?: string }) =>
      opened(whose(firstFactor), accessCode === undefined ? 'full' : 'enrolment'),
    'session.confirm': ({ access }: { access: string }) => opened(whose(access)),
    'session.invite': () => ({ invitation: 'invitation', passkey: { challenge: 'x' }, expiresAt: later(300) }),
    'session.accept': () => opened('carol'),
    'account.get': ({ access }: { access: string }) => ({
      userId: userIdOf(whose(access)),
      username: whose(access),
      level: 'full',
      freshUntil: later(300),
      factors: [],
      methods: [],
      may: {
        enrol: [],
        remove: true,
        rename: true,
        chooseMethod: true,
        chooseLanguage: true,
        bypassSeconds: 0,
        seeHistory: true,
      },
    }),
    'account.report': () => ({ reportedAt: later(0), sessionsEnded: 1 }),
    'account.confirm': ({
      access,
      authenticatorId,
      app,
    }: {
      access: string;
      authenticatorId: string;
      app?: string;
    }) => {
      if (app === undefined || !phones.has(whose(access))) throw new MfaError('CHALLENGE_NOT_FOUND');
      return { authenticatorId, state: 'active', access: `full access of ${whose(access)}`, freshUntil: later(300) };
    },
    'handover.start': ({ request, method }: { request: string; method?: string }) => {
      if (request.startsWith('over')) throw new MfaError('CHALLENGE_CLOSED');
      return { ...started(whose(request), method), ...handover(request) };
    },
    'handover.wait': async ({ challengeId, waitSeconds }: { challengeId: string; waitSeconds: number }) => ({
      state: await stateAt(challengeId, waitSeconds),
    }),
    'handover.claim': async ({ request, challengeId }: { request: string; challengeId: string }) => {
      const { returnUrl, returnState } = handover(request);
      return { result: `result of ${await claim(challengeId)}`, returnUrl, returnState };
    },
    'handover.resend': ({ request }: { request: string }) => ({ ...started(whose(request)), ...handover(request) }),
    'handover.verify': ({ request, code }: { request: string; code: string }) => {
      if (code !== RIGHT_CODE) throw new MfaError('CODE_REJECTED');
      const { returnUrl, returnState } = handover(request);
      return { result: `result of ${whose(request)}`, returnUrl, returnState };
    },
    'handover.cancel': ({ request }: { request: string }) => {
      const { returnUrl, returnState } = handover(request);
      return { returnUrl, returnState };
    },
  };
  return Object.entries(answers).map(([name, answer]) => {
    const exported = name.replaceAll(/\.(\w)/g, (_, letter: string) => letter.toUpperCase());
    const operation = (contracts as unknown as Record<string, contracts.Operation>)[exported];
    if (operation === undefined) throw new Error(`there is no ${exported}`);
    return endpoint(
      operation,
      async (input, request) => {
        asked.push({ operation: name, input: input as Record<string, unknown>, request });
        return answer(input as never);
      },
      { maxInFlight: 10_000 },
    );
  });
}
