import type { DeviceAssertion, PasskeyOptions } from '@countersign/contracts';
import { removalChallenge } from '@countersign/device-protocol';
import { ask, type Phone } from './phone.ts';

interface Begun {
  readonly enrolment?: { readonly issuedAt: number; readonly options: PasskeyOptions };
  readonly passkey?: { readonly credentialId: string };
}

/** Gives this phone a passkey for its approvals. One that the server knows already, whose answer was lost, is taken. Throws Problem. */
export async function addPasskey(phone: Phone, deviceId: string): Promise<void> {
  const { enrolment, passkey } = (await ask(phone, deviceId, 'enrol', {})) as Begun;
  if (passkey !== undefined) return keep(phone, deviceId, passkey.credentialId);
  if (enrolment === undefined) return;
  const registration = await phone.passkeys.create(enrolment.options);
  await ask(phone, deviceId, 'confirm', { issuedAt: enrolment.issuedAt, registration });
  return keep(phone, deviceId, registration.id);
}

/** Takes it away, which it confirms itself. Throws Problem. */
export async function removePasskey(phone: Phone, deviceId: string, credentialId: string): Promise<void> {
  const { store, outside, passkeys } = phone;
  const at = Math.round(outside.nowMs() + (await store.clockOffsetMs()));
  const challenge = await removalChallenge({ v: 1, deviceId, forget: credentialId, at });
  const passkey: DeviceAssertion = await passkeys.ask(credentialId, challenge);
  await ask(phone, deviceId, 'forget', { at, passkey });
  await store.changeAccount(deviceId, ({ passkey: _, ...account }) => account);
}

function keep({ store }: Phone, deviceId: string, credentialId: string): Promise<void> {
  return store.changeAccount(deviceId, (account) => ({ ...account, passkey: { credentialId } }));
}
