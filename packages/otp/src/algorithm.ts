/** The hash under a code. SHA1 is what QR enrolment uses: several phone apps know no other (OATH-28). */
export type OtpAlgorithm = 'SHA1' | 'SHA256' | 'SHA512';

/** Digits in a code that a token computes. Codes sent out of band may have up to ten and come from randomDigits. */
export type OtpDigits = 6 | 7 | 8;
