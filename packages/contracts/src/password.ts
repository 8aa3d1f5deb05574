import { Type } from 'typebox';
import { LoginContext } from './challenge.ts';
import { FirstFactorAnswer } from './evidence.ts';
import { operation } from './operation.ts';

/**
 * Holds a password against the directory, by one bind. Whoever is not there, is disabled, or has no right one hears the same. The way
 * to a user from a name is the same as in `challenge.start`.
 */
export const passwordVerify = operation('password.verify', {
  scope: 'password',
  changes: true,
  input: Type.Object(
    {
      username: Type.String({ maxLength: 1024, examples: ['EXAMPLE\\alice'] }),
      password: Type.String({ maxLength: 1024 }),
      context: Type.Optional(LoginContext),
    },
    { additionalProperties: false },
  ),
  output: FirstFactorAnswer,
});
