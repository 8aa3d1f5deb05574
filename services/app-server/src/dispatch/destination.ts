import parsePhoneNumber from 'libphonenumber-js/max';

/** Why a number is never sent to, whatever the budgets say. */
export type DestinationRefusal = 'destination_special' | 'destination_not_allowed';

/**
 * Numbers that belong to no country: satellite (870, 881 and parts of 882, 883), personal and premium services (878, 979),
 * freephone and shared cost (800, 808), disaster relief (888). The dearest destinations there are, and the ones that toll
 * fraud is aimed at (TEL-41). @see ITU-T E.164, list of assigned country codes
 */
const SPECIAL_CALLING_CODES = ['800', '808', '870', '878', '881', '882', '883', '888', '979'];

/** Ranges inside a country that cost the sender extra, or where nobody reads a message. */
const SPECIAL_TYPES: ReadonlySet<string> = new Set([
  'PREMIUM_RATE',
  'SHARED_COST',
  'PERSONAL_NUMBER',
  'UAN',
  'PAGER',
  'VOICEMAIL',
]);

/**
 * Says why a message must not go to this number, or undefined. Enrolment asks the same, so that nobody enrols a phone that
 * never gets a code. What the metadata does not know is let through: ranges are opened faster than metadata is updated, and
 * the budgets per country bound the damage.
 * @param phone E.164.
 * @param prefixes the allow-list of the policy; empty means every country.
 */
export function refuseDestination(phone: string, prefixes: readonly string[]): DestinationRefusal | undefined {
  if (prefixes.length > 0 && !prefixes.some((prefix) => phone.startsWith(prefix))) return 'destination_not_allowed';
  if (SPECIAL_CALLING_CODES.some((code) => phone.startsWith(`+${code}`))) return 'destination_special';
  const type = parsePhoneNumber(phone)?.getType();
  return type !== undefined && SPECIAL_TYPES.has(type) ? 'destination_special' : undefined;
}

/**
 * Which budget per country a number spends from: `371-LV`, `1-JM`. Countries that share a calling code are told apart as far
 * as the metadata can, because pumping aims at the dear ones among them. Fit for a NATS subject.
 */
export function countryOf(phone: string): string {
  const parsed = parsePhoneNumber(phone);
  if (parsed === undefined) return 'unknown';
  return parsed.country === undefined ? parsed.countryCallingCode : `${parsed.countryCallingCode}-${parsed.country}`;
}
