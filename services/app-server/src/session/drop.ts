import type { InputOf, OutputOf, sessionDrop } from '@countersign/contracts';
import type { AuthorisedRequest } from '../application/authorise.ts';
import type { Sessions } from './sessions.ts';

/** Forgets what a portal kept. @throws MfaError UNAVAILABLE. */
export async function drop(
  { sessions }: { sessions: Sessions },
  { place }: InputOf<typeof sessionDrop>,
  { deadline }: AuthorisedRequest,
): Promise<OutputOf<typeof sessionDrop>> {
  await sessions.drop(place, deadline);
  return {};
}
