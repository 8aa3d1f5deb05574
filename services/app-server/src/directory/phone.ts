import parsePhoneNumber, { isSupportedCountry } from 'libphonenumber-js/max';

/** What people write numbers with. An extension, or a word beside the number, is somebody's switchboard and not their pocket. */
const NUMBER = /^\+?[0-9][0-9\s().\-/]{3,40}$/;
/** In North America numbers do not tell which of the two it is. */
const TAKES_MESSAGES: ReadonlySet<string | undefined> = new Set(['MOBILE', 'FIXED_LINE_OR_MOBILE']);

/**
 * A number of a directory as E.164. Nobody proves that they have it, so it has to be one that exists and that a text message can reach.
 * @param country of a number without a country code.
 */
export function phoneOf(text: string | undefined, country: string | undefined): string | undefined {
  if (text === undefined || !NUMBER.test(text)) return undefined;
  const parsed = parsePhoneNumber(text, {
    extract: false,
    ...(country !== undefined && isSupportedCountry(country) && { defaultCountry: country }),
  });
  return parsed?.isValid() === true && TAKES_MESSAGES.has(parsed.getType()) ? parsed.number : undefined;
}
