import { activationLink, showable } from '@countersign/device-protocol';
import type { PhoneKeys } from '../keys/phone-keys.ts';
import type { KeyRing } from '../keys/ring.ts';
import { codeOf } from './code.ts';

/** Longest name of an organisation in a link; see packages/device-protocol. */
const ORGANISATION_CHARACTERS = 128;

/** What the QR code of an activation holds. */
export function linkFor(
  { ring, phoneKeys }: { ring: KeyRing; phoneKeys: PhoneKeys },
  { challengeId, deviceUrl, organisation }: { challengeId: string; deviceUrl: string; organisation: string },
): string {
  return activationLink({
    server: new URL(deviceUrl).origin,
    activationId: challengeId,
    code: codeOf(ring, challengeId),
    serverKeyThumbprint: phoneKeys.current().signing.keyId,
    organisation: showable(organisation).slice(0, ORGANISATION_CHARACTERS),
  });
}
