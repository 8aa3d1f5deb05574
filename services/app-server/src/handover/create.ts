import { MfaError, type handoverCreate, type InputOf, type OutputOf } from '@countersign/contracts';
import type { AuthorisedRequest } from '../application/authorise.ts';
import { HANDOVER_SECONDS, type Evidence } from '../evidence/evidence.ts';
import type { Policies } from '../policy/policies.ts';

/**
 * Makes the link by which an application sends a person to our page. What it says is signed, so that nothing that passes the browser is
 * believed; where the person may be sent back to stands in the policy of the application, exactly (APP-15).
 * @throws MfaError NOT_ALLOWED where there is no portal; REQUEST_INVALID; UNAVAILABLE.
 */
export async function create(
  deps: { policies: Policies; evidence: Evidence; portalUrl: string | undefined; now: () => number },
  { username, returnUrl, state, language }: InputOf<typeof handoverCreate>,
  { application }: AuthorisedRequest,
): Promise<OutputOf<typeof handoverCreate>> {
  if (deps.portalUrl === undefined) throw new MfaError('NOT_ALLOWED', { reason: 'COUNTERSIGN_PORTAL_URL is not set' });
  const { applicationId, name: applicationName } = application;
  if (!deps.policies.effective(applicationId).handover.returnUrls.includes(returnUrl)) {
    const message = 'is not one of handover.returnUrls in the policy of this application';
    throw new MfaError('REQUEST_INVALID', { invalid: [{ pointer: '/returnUrl', message }] });
  }
  const endsAt = deps.now() + HANDOVER_SECONDS * 1000;
  const request = await deps.evidence.issueHandover({
    applicationId,
    applicationName,
    username,
    returnUrl,
    state,
    ...(language !== undefined && { language }),
    endsAt,
  });
  const url = new URL('/verify', deps.portalUrl);
  url.searchParams.set('request', request);
  return { url: url.href, expiresAt: new Date(endsAt).toISOString() };
}
