/**
 * Secrets that have a shape, in case one arrives inside a text that may be printed. The allow-list of fields is what
 * keeps secrets out of logs; this is the second line.
 */
const SHAPES: readonly (readonly [RegExp, string])[] = [
  [/csk_[A-Za-z0-9]+_[A-Za-z0-9_-]+/g, 'csk_[masked]'],
  [/otpauth:\/\/\S+/gi, 'otpauth://[masked]'],
  [/eyJ[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*/g, '[jwt]'],
  [/-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]*PRIVATE KEY-----|$)/g, '[private key]'],
  [/([a-z][a-z0-9+.-]*:\/\/[^\s:/@]*):[^\s/@]+@/gi, '$1:[masked]@'],
  [/(bearer|basic)\s+[A-Za-z0-9._~+/=-]{8,}/gi, '$1 [masked]'],
  [/\+[1-9]\d{6,14}(?!\d)/g, '+[phone]'],
];
const SUSPECT = /csk_|otpauth:|eyJ|PRIVATE KEY|@|bearer|basic|\+[1-9]/i;

/** @returns the text with every secret of a known shape replaced. */
export function mask(text: string): string {
  if (!SUSPECT.test(text)) return text;
  let masked = text;
  for (const [shape, replacement] of SHAPES) masked = masked.replace(shape, replacement);
  return masked;
}
