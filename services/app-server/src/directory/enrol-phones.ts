import { createHash } from 'node:crypto';
import { uuidFrom, type Policy } from '@countersign/contracts';
import type { Kysely } from 'kysely';
import type { AuthorisedRequest } from '../application/authorise.ts';
import { recordAdministration } from '../audit/administration.ts';
import { insertPhone } from '../authenticator/store.ts';
import type { Schema } from '../database/schema.ts';
import { refuseDestination } from '../dispatch/destination.ts';
import { recordNotices } from '../notice/record.ts';
import type { KeyRing } from '../keys/ring.ts';
import { sealedAt } from '../user/login-users.ts';
import { lockUser } from '../user/lock.ts';
import type { FoundPerson } from './person-of-name.ts';

/** What of the policy decides whether, and how many, phones somebody gets from their directory. */
export type PhonePolicy = Pick<Policy, 'directory' | 'messages' | 'portal' | 'users'>;

/**
 * Numbers of the directory become phones of somebody who is made or linked, where they have no factor yet, as many as they may have. The
 * directory vouches for them as an administrator would: from here on they are asked for a second factor (R16).
 * @param transaction the one that makes or links them, so that nobody sees them without.
 */
export async function enrolPhones(
  transaction: Kysely<Schema>,
  ring: Pick<KeyRing, 'seal' | 'mac'>,
  { userId, found: { directory, person }, policy }: { userId: string; found: FoundPerson; policy: PhonePolicy },
  { attemptId, application }: AuthorisedRequest,
  at: number,
): Promise<void> {
  if (policy.directory.phones !== 'enrol') return;
  const room = await roomFor(transaction, userId, policy);
  const { prefixes } = policy.messages;
  const numbers = person.phones.filter((phone) => refuseDestination(phone, prefixes) === undefined).slice(0, room);
  if (numbers.length > 0) await recordNotices(transaction, { userId, kind: 'phone.added', at });
  for (const [index, phone] of numbers.entries()) {
    const name = `${attemptId} phone ${index}`;
    const authenticatorId = uuidFrom(createHash('sha256').update(`authenticator/${name}`).digest());
    await insertPhone(transaction, {
      authenticatorId,
      userId,
      label: 'Phone',
      state: 'active',
      createdAt: new Date(at),
      sealed: ring.seal(Buffer.from(phone), sealedAt({ authenticatorId, type: 'phone' })),
      lastTwo: phone.slice(-2),
      mac: ring.mac('phone', phone),
    });
    await recordAdministration(transaction, {
      type: 'authenticator.enrol',
      at,
      attemptId: name,
      actor: application.name,
      userId,
      detail: { authenticatorId, type: 'phone', state: 'active', directory: directory.name },
    });
  }
}

async function roomFor(db: Kysely<Schema>, userId: string, { portal, users }: PhonePolicy): Promise<number> {
  await lockUser(db, userId);
  const authenticators = await db.selectFrom('authenticator').select('state').where('user_id', '=', userId).execute();
  const passkeys = await db.selectFrom('passkey').select('state').where('user_id', '=', userId).execute();
  // Whoever knows a password may be able to write a number into the directory: beside a factor it would open another way in.
  if ([...authenticators, ...passkeys].some(({ state }) => state === 'active')) return 0;
  const left = users.maxAuthenticators - authenticators.length - passkeys.length;
  return Math.max(0, Math.min(portal.maxPhones, left));
}
