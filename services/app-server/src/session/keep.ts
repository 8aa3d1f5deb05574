import type { InputOf, OutputOf, sessionKeep } from '@countersign/contracts';
import type { AuthorisedRequest } from '../application/authorise.ts';
import type { Sessions } from './sessions.ts';

/** Keeps for a portal what nobody else has changed meanwhile. @throws MfaError UNAVAILABLE. */
export async function keep(
  { sessions }: { sessions: Sessions },
  { place, kept, expected }: InputOf<typeof sessionKeep>,
  { deadline }: AuthorisedRequest,
): Promise<OutputOf<typeof sessionKeep>> {
  const sequence = await sessions.keep(place, kept, expected, deadline);
  return sequence === undefined ? {} : { sequence };
}
