import type { Check } from '@countersign/contracts';
import type { Kysely } from 'kysely';
import type { Schema } from '../database/schema.ts';
import type { RelyingParty } from '../passkey/relying-party.ts';

export interface PhoneCounts {
  phones: number;
  withPasskey: number;
}

/** Phones that were activated, and those of them whose approvals a passkey confirms. */
export async function countPhones(db: Kysely<Schema>): Promise<PhoneCounts> {
  const { phones, with_passkey: withPasskey } = await db
    .selectFrom('device as d')
    .innerJoin('authenticator as a', 'a.authenticator_id', 'd.device_id')
    .select((eb) => [
      eb.fn.countAll<string>().as('phones'),
      eb.fn.count<string>('d.passkey_credential_id').as('with_passkey'),
    ])
    .where('a.state', '=', 'active')
    .executeTakeFirstOrThrow();
  return { phones: Number(phones), withPasskey: Number(withPasskey) };
}

/**
 * Whom a policy that demands passkeys keeps from approving (DEV-34).
 * @param isDemanded of everybody, or by an application.
 * @param relyingParty of the app; without one no phone can have a passkey.
 */
export function checkPhones(
  isDemanded: boolean,
  relyingParty: RelyingParty | undefined,
  { phones, withPasskey }: PhoneCounts,
): Check[] {
  const name = 'phones.passkeys';
  if (phones === 0 && !isDemanded) return [];
  const detail = `${withPasskey} of ${phones} phones have a passkey`;
  if (!isDemanded) return [{ name, level: 'ok', detail }];
  if (relyingParty === undefined) {
    return [
      {
        name,
        level: 'fail',
        detail:
          'app.userVerification demands passkeys, and none can be bound to the address of the app: no phone approves anything',
        advice: 'Set COUNTERSIGN_DEVICE_URL to a name, or end it: countersign policy unset app.userVerification',
      },
    ];
  }
  if (withPasskey === phones) return [{ name, level: 'ok', detail }];
  return [
    {
      name,
      level: 'warn',
      detail: `${detail}; where app.userVerification demands one, the others can only deny`,
      advice: 'Their owners turn on the lock of the device in the app: docs/operations/phones.md.',
    },
  ];
}
