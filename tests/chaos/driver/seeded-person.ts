import { totpCode, totpStep } from '@countersign/otp';
import { seededUser } from '../../bench/seed.ts';
import type { Person } from './logins.ts';

/** One of those whom `seedUsers` made. */
export function seededPerson(number: number): Person {
  const { userId, username, phone, secret } = seededUser(number);
  const totp = (now: number) =>
    totpCode({ secret, algorithm: 'SHA1', digits: 6, periodSeconds: 30 }, totpStep(now, 30));
  return { userId, username, phone, totp };
}
