import { activationRedeem, deviceRotate, type InputOf, type RotateBody } from '@countersign/contracts';
import { exampleOf } from '@countersign/edge';
import type { Static } from 'typebox';
import type { Route } from '../routes.ts';

const key = {
  kty: 'EC',
  crv: 'P-256',
  x: 'f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU',
  y: 'x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0',
} as const;

const redeem: InputOf<typeof activationRedeem> = {
  activationId: 'pX2kQ0vC8m1yTzR4b7NfWg',
  code: '3q2-7wAAq83vEjRWeJCrze8',
  key,
  proof: 'eyJhbGciOiJFUzI1NiJ9.eyJ2IjoxfQ.c2lnbmF0dXJl',
  label: 'Pixel 11',
};
const rotate: Static<typeof RotateBody> = { key, rotation: 'eyJhbGciOiJFUzI1NiJ9.eyJ2IjoxfQ.c2lnbmF0dXJl' };

/** What bodies look like, where the parts of the schema alone would not make a sensible whole. */
const BODIES: ReadonlyMap<string, unknown> = new Map<string, unknown>([
  [activationRedeem.name, redeem],
  [deviceRotate.name, rotate],
]);

export function exampleBody({ operation, body }: Route): unknown {
  return BODIES.get(operation.name) ?? exampleOf(body);
}
