import type { InputOf, OutputOf, sessionLoad } from '@countersign/contracts';
import type { AuthorisedRequest } from '../application/authorise.ts';
import type { Sessions } from './sessions.ts';

/** What a portal kept at a place. @throws MfaError UNAVAILABLE. */
export async function load(
  { sessions }: { sessions: Sessions },
  { place }: InputOf<typeof sessionLoad>,
  { deadline }: AuthorisedRequest,
): Promise<OutputOf<typeof sessionLoad>> {
  const session = await sessions.load(place, deadline);
  return session === undefined ? {} : { session };
}
