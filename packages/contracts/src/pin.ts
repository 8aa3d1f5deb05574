import { Type } from 'typebox';
import { Access } from './evidence.ts';
import { Uuid } from './ids.ts';
import { operation } from './operation.ts';

const closed = { additionalProperties: false } as const;

export const MAX_PIN_DIGITS = 16;

const Pin = Type.String({ pattern: `^[0-9]{4,${MAX_PIN_DIGITS}}$`, examples: ['58203917'] });

/** For somebody else: whoever it is for changes it at first use. */
export const pinSet = operation('pin.set', {
  scope: 'admin',
  changes: true,
  input: Type.Object({ userId: Uuid, pin: Type.Optional(Pin) }, closed),
  output: Type.Object({
    userId: Uuid,
    pin: Type.Optional(Type.String({ description: 'Where none was given: made here, and shown this once.' })),
  }),
});

export const pinRemove = operation('pin.remove', {
  scope: 'admin',
  changes: true,
  input: Type.Object({ userId: Uuid, reason: Type.String({ minLength: 3, maxLength: 500 }) }, closed),
  output: Type.Object({ userId: Uuid }),
});

/** One's own. */
export const pinChoose = operation('pin.choose', {
  scope: 'portal',
  changes: true,
  input: Type.Object({ access: Access, pin: Pin }, closed),
  output: Type.Object({ userId: Uuid }),
});

/** One's own, where nothing asks for it any more. */
export const pinForget = operation('pin.forget', {
  scope: 'portal',
  changes: true,
  input: Type.Object({ access: Access }, closed),
  output: Type.Object({ userId: Uuid }),
});
