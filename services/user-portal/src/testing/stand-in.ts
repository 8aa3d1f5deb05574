import { endpoint, type CallRequest, type Endpoint } from '@countersign/bus';
import * as contracts from '@countersign/contracts';
import { MfaError, type OpenedSession, type StartedChallenge } from '@countersign/contracts';

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

const RIGHT_CODE = '111111';
const later = (seconds: number) => new Date(Date.now() + seconds * 1000).toISOString();

/**
 * Stands for app-server: people whose password is `right` and whose code is 111111. Its evidence says whose it is, so that a test sees whom
 * the portal speaks for.
 */
export function standIn(asked: Asked[]): Endpoint[] {
  const started = (username: string): StartedChallenge => ({
    challengeId: `challenge-of-${username}`,
    state: 'pending',
    method: 'totp',
    prompt: 'Enter the 6-digit code from your authenticator.',
    expiresAt: later(300),
    alternatives: ['sms'],
  });
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
    'challenge.start': ({ username }: { username: string }) => started(username),
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
    'handover.start': ({ request }: { request: string }) => {
      if (request.startsWith('over')) throw new MfaError('CHALLENGE_CLOSED');
      return { ...started(whose(request)), ...handover(request) };
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
