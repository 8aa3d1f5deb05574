import { Type } from 'typebox';
import { Uuid } from './ids.ts';
import { operation } from './operation.ts';

/** A temporary access code: lets somebody without any factor enrol the first one, once, and do nothing else. */
export const enrolmentGrant = operation('enrolment.grant', {
  scope: 'admin',
  changes: true,
  input: Type.Object(
    {
      userId: Uuid,
      reason: Type.String({ minLength: 3, maxLength: 500, examples: ['First day, identity card seen'] }),
      validSeconds: Type.Optional(
        Type.Integer({ minimum: 300, maximum: 604_800, description: 'How long it can be used; 1 day unless given.' }),
      ),
    },
    { additionalProperties: false },
  ),
  output: Type.Object({
    userId: Uuid,
    accessCode: Type.String({
      description: 'Shown this once; only a keyed hash is kept.',
      examples: ['4ZQK-8M2W-RT6H'],
    }),
    expiresAt: Type.String({ format: 'date-time' }),
  }),
});

/** Takes back a code that was not used. */
export const enrolmentWithdraw = operation('enrolment.withdraw', {
  scope: 'admin',
  changes: true,
  urgent: true,
  input: Type.Object({ userId: Uuid }, { additionalProperties: false }),
  output: Type.Object({ userId: Uuid }),
});
