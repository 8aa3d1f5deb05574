/** Country calling codes of two digits; 1 and 7 have one, all others three. @see ITU-T E.164 annex, list of assigned codes */
const TWO_DIGITS = new Set(
  '20 27 30 31 32 33 34 36 39 40 41 43 44 45 46 47 48 49 51 52 53 54 55 56 57 58 60 61 62 63 64 65 66 81 82 84 86 90 91 92 93 94 95 98'.split(
    ' ',
  ),
);

/**
 * A number that its owner recognises and nobody else can use: country and last two digits.
 * @param phone E.164.
 * @returns for example `+371 ••• ••12`; the dots do not tell how long the number is.
 */
export function maskPhone(phone: string): string {
  return `+${countryCode(phone)} ••• ••${phone.slice(-2)}`;
}

function countryCode(phone: string): string {
  if (phone.startsWith('+1') || phone.startsWith('+7')) return phone.slice(1, 2);
  const two = phone.slice(1, 3);
  return TWO_DIGITS.has(two) ? two : phone.slice(1, 4);
}
