import type { DeviceAssertion, PasskeyOptions, PasskeyRegistration } from '@countersign/contracts';
import { browserSupportsWebAuthn, startAuthentication, startRegistration } from '@simplewebauthn/browser';
import { Problem } from './protocol/problem.ts';

type RegistrationOptions = Parameters<typeof startRegistration>[0]['optionsJSON'];

const TIMEOUT_MS = 60_000;

/** What the browser can do with the lock of this device. What is asked of a person rejects with NOT_CONFIRMED when they, or it, say no. */
export interface Passkeys {
  /** Whether there is a lock that a page may ask for. */
  readonly isAvailable: () => Promise<boolean>;
  readonly create: (options: PasskeyOptions) => Promise<PasskeyRegistration>;
  /** @param challenge base64url. */
  readonly ask: (credentialId: string, challenge: string) => Promise<DeviceAssertion>;
}

export const browserPasskeys: Passkeys = {
  isAvailable: async () =>
    browserSupportsWebAuthn() && PublicKeyCredential.isUserVerifyingPlatformAuthenticatorAvailable().catch(() => false),
  create: async (options) => {
    const optionsJSON = options as unknown as RegistrationOptions;
    return (await startRegistration({ optionsJSON }).catch(unconfirmed)) as PasskeyRegistration;
  },
  ask: async (credentialId, challenge) => {
    const { id, response } = await startAuthentication({
      optionsJSON: {
        challenge,
        allowCredentials: [{ id: credentialId, type: 'public-key' }],
        userVerification: 'required',
        timeout: TIMEOUT_MS,
      },
    }).catch(unconfirmed);
    const { clientDataJSON, authenticatorData, signature } = response;
    return { credentialId: id, clientDataJSON, authenticatorData, signature };
  },
};

/** Browsers do not say which it was, so that no page learns what keys somebody has. */
function unconfirmed(): never {
  throw new Problem('NOT_CONFIRMED');
}
