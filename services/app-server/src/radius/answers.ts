import { MfaError, type RadiusAnswer, type RadiusAttribute } from '@countersign/contracts';
import { ATTRIBUTE, textAttributes } from '@countersign/radius';
import type { KeyRing } from '../keys/ring.ts';
import type { EffectiveClient } from './clients.ts';
import { textsIn } from './texts.ts';
import { writeState, type Token } from './token.ts';

/** What a person reads, as Reply-Message (RFC 2865 section 5.18), in as many as it takes. */
function shown(text: string): RadiusAttribute[] {
  return textAttributes(ATTRIBUTE.replyMessage, text).map(({ type, value }) => ({
    type,
    value: value.toString('base64'),
  }));
}

/**
 * The same whatever it was that was wrong (RAD-25).
 * @param options `with`: what the conversation ends with besides; then there is no text (RFC 3579 section 2.6.5).
 */
export function reject(
  language: string | undefined,
  { send = true, with: others = [] }: { send?: boolean; with?: RadiusAttribute[] } = {},
): RadiusAnswer {
  return { answer: 'reject', attributes: others.length > 0 ? others : shown(textsIn(language).refused), send };
}

/** Asks once more, or for the first time; a login that was asked as often as its client allows is refused (R13). */
export function challenge(
  ring: Pick<KeyRing, 'mac'>,
  { settings }: Pick<EffectiveClient, 'settings'>,
  token: Token,
  text: string,
): RadiusAnswer {
  if (token.asked > settings.maxChallenges) throw new MfaError('CHALLENGE_CLOSED', { reason: 'asked too often' });
  const state = writeState(ring, settings.applicationId, token).toString('base64');
  return { answer: 'challenge', state, attributes: shown(text), send: true };
}
