import fc from 'fast-check';
import { ATTRIBUTE } from '../attributes.ts';
import type { Attribute } from '../packet.ts';

export const octets = (bounds: { minLength?: number; maxLength?: number }): fc.Arbitrary<Buffer> =>
  fc.uint8Array(bounds).map((bytes) => Buffer.from(bytes));

export const authenticator = octets({ minLength: 16, maxLength: 16 });
export const secret = octets({ minLength: 1, maxLength: 80 });

/** So many that they always fit into one packet. */
export const attributes: fc.Arbitrary<Attribute[]> = fc.array(
  fc.record({
    type: fc.integer({ min: 1, max: 255 }).filter((type) => type !== ATTRIBUTE.messageAuthenticator),
    value: fc.oneof(octets({ maxLength: 20 }), octets({ minLength: 240, maxLength: 253 })),
  }),
  { maxLength: 15 },
);
