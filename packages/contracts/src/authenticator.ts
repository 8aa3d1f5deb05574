import { Type } from 'typebox';
import { ActivationCode } from './device.ts';
import { Uuid } from './ids.ts';
import { operation } from './operation.ts';

const Timestamp = Type.String({ format: 'date-time' });
const Label = Type.Optional(Type.String({ maxLength: 64, examples: ['Work phone'] }));

export const authenticatorEnrol = operation('authenticator.enrol', {
  scope: 'authenticator.write',
  changes: true,
  input: Type.Union([
    Type.Object(
      {
        userId: Uuid,
        type: Type.Literal('totp'),
        label: Label,
        algorithm: Type.Optional(Type.Union([Type.Literal('SHA1'), Type.Literal('SHA256'), Type.Literal('SHA512')])),
        digits: Type.Optional(Type.Union([Type.Literal(6), Type.Literal(8)])),
        periodSeconds: Type.Optional(Type.Union([Type.Literal(30), Type.Literal(60)])),
      },
      { additionalProperties: false },
    ),
    Type.Object(
      {
        userId: Uuid,
        type: Type.Literal('phone'),
        label: Label,
        phone: Type.String({
          pattern: '^\\+[1-9][0-9]{6,14}$',
          description: 'E.164',
          examples: ['+37120000012'],
        }),
        verified: Type.Optional(
          Type.Boolean({
            description:
              'The number was checked elsewhere (directory, helpdesk). Active at once. Needs the scope admin.',
          }),
        ),
      },
      { additionalProperties: false },
    ),
    Type.Object({ userId: Uuid, type: Type.Literal('app'), label: Label }, { additionalProperties: false }),
  ]),
  output: Type.Object({
    authenticatorId: Uuid,
    state: Type.Union([Type.Literal('pending'), Type.Literal('active')]),
    expiresAt: Type.Optional(Timestamp),
    secret: Type.Optional(Type.String({ description: 'Base32, shown this once.' })),
    uri: Type.Optional(
      Type.String({ description: 'otpauth URI, or the link that activates the app; shown this once.' }),
    ),
    activationCode: Type.Optional(ActivationCode),
    qr: Type.Optional(Type.String({ description: 'The URI as a PNG, as a data: URI, shown this once.' })),
    notice: Type.Optional(
      Type.String({
        description: 'What the person must be told of the risks of codes by SMS (AAL-13).',
      }),
    ),
  }),
});

export const authenticatorConfirm = operation('authenticator.confirm', {
  scope: 'authenticator.write',
  changes: true,
  input: Type.Object(
    { userId: Uuid, authenticatorId: Uuid, code: Type.String({ minLength: 1, maxLength: 64, examples: ['492039'] }) },
    { additionalProperties: false },
  ),
  output: Type.Object({ authenticatorId: Uuid, state: Type.Literal('active') }),
});

export const authenticatorRemove = operation('authenticator.remove', {
  scope: 'authenticator.write',
  changes: true,
  urgent: true,
  input: Type.Object({ userId: Uuid, authenticatorId: Uuid }, { additionalProperties: false }),
  output: Type.Object({ authenticatorId: Uuid }),
});
