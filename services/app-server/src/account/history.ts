import { MfaError, type accountHistory, type InputOf, type OutputOf, type OwnLogin } from '@countersign/contracts';
import type { AuthorisedRequest } from '../application/authorise.ts';
import type { Applications } from '../application/applications.ts';
import { find } from '../audit/find.ts';
import type { Router } from '../database/router.ts';
import { personOf, type PersonDependencies } from './person.ts';

/** What a person is told of, and as what. Everything else of the audit is for administrators. */
const TOLD: Readonly<Record<string, OwnLogin['result']>> = {
  'challenge.started': 'started',
  'challenge.approved': 'approved',
  'challenge.denied': 'rejected',
  'challenge.cancelled': 'cancelled',
  'code.rejected': 'rejected',
  'assertion.rejected': 'rejected',
  'invitation.accepted': 'approved',
  'bypass.used': 'bypass',
  'bypass.granted': 'change',
  'password.tried': 'password',
  'identity.accepted': 'provider',
  'session.opened': 'approved',
  'session.refused': 'rejected',
  'enrolment.used': 'change',
  'authenticator.enrol': 'change',
  'authenticator.confirm': 'change',
  'authenticator.remove': 'change',
  'pin.set': 'change',
  'pin.remove': 'change',
  'questions.choose': 'change',
  'questions.check': 'started',
  'fraud.reported': 'change',
};
const DEFAULT_LIMIT = 20;

type Output = OutputOf<typeof accountHistory>;

/**
 * One's own logins, newest first, a page at a time. A page may be short: what is told to nobody is left out of it.
 * @throws MfaError SIGN_IN_NEEDED, NOT_ALLOWED, REQUEST_INVALID, UNAVAILABLE.
 */
export async function history(
  deps: PersonDependencies & { router: Router; applications: Pick<Applications, 'all'> },
  { access, after, limit = DEFAULT_LIMIT }: InputOf<typeof accountHistory>,
  request: AuthorisedRequest,
): Promise<Output> {
  const { user, policy } = await personOf(deps, access, 'full', request);
  if (!policy.portal.history) throw new MfaError('NOT_ALLOWED', { reason: 'history' });
  const page = await find(deps, { userId: user.userId, limit, ...(after !== undefined && { after }) });
  const names = new Map(deps.applications.all().map(({ applicationId, name }) => [applicationId, name]));
  return {
    logins: page.events.flatMap((event) => ownLogin(event, names) ?? []),
    ...(page.next !== undefined && { next: page.next }),
  };
}

type Event = Awaited<ReturnType<typeof find>>['events'][number];

function ownLogin(event: Event, names: ReadonlyMap<string, string>): OwnLogin | undefined {
  const result = TOLD[event.type];
  const { purpose } = event.detail as { purpose?: string };
  // To show that a new factor works is no sign-in; that it was added stands there besides.
  if (result === undefined || purpose === 'enrol') return undefined;
  const { applicationId, method } = event;
  const application = applicationId === undefined ? undefined : names.get(applicationId);
  const { context } = event.detail as { context?: { ip?: string; device?: string; location?: string } };
  return {
    loginId: event.attemptId,
    at: event.at,
    what: event.type,
    result,
    ...(application !== undefined && { application }),
    ...(method !== undefined && { method }),
    ...(context?.ip !== undefined && { ip: context.ip }),
    ...(context?.device !== undefined && { device: context.device }),
    ...(context?.location !== undefined && { location: context.location }),
  };
}
