export type { OtpAlgorithm, OtpDigits } from './algorithm.ts';
export { base32Decode, base32Encode } from './base32.ts';
export { parseCode } from './code.ts';
export { boundDriftSteps, nextDriftSteps } from './drift.ts';
export { hotp } from './hotp.ts';
export { formatLookupSecret, LOOKUP_SECRET_CHARACTERS, lookupSecret, parseLookupSecret } from './lookup-secret.ts';
export { otpauthUri } from './otpauth-uri.ts';
export { randomDigits } from './random-digits.ts';
export { checkSecretLength, MAX_SECRET_BYTES, MIN_SECRET_BYTES, RECOMMENDED_SECRET_BYTES } from './secret-length.ts';
export {
  DEFAULT_WINDOW_STEPS,
  matchTotpStep,
  STRICT_WINDOW_STEPS,
  totpCode,
  type TotpParameters,
  totpStep,
  type WindowSteps,
} from './totp.ts';
