import { Type } from 'typebox';
import { LoginContext } from './challenge.ts';
import { FirstFactorAnswer } from './evidence.ts';
import { Uuid } from './ids.ts';
import { operation } from './operation.ts';

/**
 * Believes an OpenID provider, once app-server has checked the ID token itself: signature, issuer, audience, nonce, age. The user is
 * found by issuer and subject; by a claim with a name only where that is configured (FED-12).
 */
export const identityVerify = operation('identity.verify', {
  scope: 'password',
  changes: true,
  input: Type.Object(
    {
      idToken: Type.String({ minLength: 1, maxLength: 16_384 }),
      nonce: Type.String({ minLength: 16, maxLength: 128 }),
      context: Type.Optional(LoginContext),
    },
    { additionalProperties: false },
  ),
  output: FirstFactorAnswer,
});

/** The provider has a new account for the person: the next ID token that names them is linked. */
export const identityUnlink = operation('identity.unlink', {
  scope: 'admin',
  changes: true,
  input: Type.Object(
    { userId: Uuid, reason: Type.String({ minLength: 3, maxLength: 500, examples: ['New account in Entra ID'] }) },
    { additionalProperties: false },
  ),
  output: Type.Object({ userId: Uuid }),
});
