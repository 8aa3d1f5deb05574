import type { PasskeyAssertion, PasskeyRegistration } from '@countersign/contracts';
import { startAuthentication, startRegistration } from '@simplewebauthn/browser';

type AuthenticationOptions = Parameters<typeof startAuthentication>[0]['optionsJSON'];
type RegistrationOptions = Parameters<typeof startRegistration>[0]['optionsJSON'];

/** Loaded when somebody uses one. Rejects when the person, or the browser, says no. */
export async function askPasskey(options: Record<string, unknown>): Promise<PasskeyAssertion> {
  return (await startAuthentication({ optionsJSON: options as unknown as AuthenticationOptions })) as PasskeyAssertion;
}

export async function createPasskey(options: Record<string, unknown>): Promise<PasskeyRegistration> {
  return (await startRegistration({ optionsJSON: options as unknown as RegistrationOptions })) as PasskeyRegistration;
}
