import fc from 'fast-check';
import { expect, test } from 'vitest';
import { base32Encode } from '@countersign/otp';
import { base32Decode } from './base32.ts';

test('reads whatever was written', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 1, maxLength: 64 }), (bytes) => {
      expect(base32Decode(base32Encode(bytes))).toEqual(bytes);
      expect(
        base32Decode(
          base32Encode(bytes)
            .toLowerCase()
            .replaceAll(/(.{4})/g, '$1 '),
        ),
      ).toEqual(bytes);
    }),
  );
});

test.each(['', 'A', 'ABC', 'ABCDEF', 'MZXW6YT1', 'MZXW6YR', 'MZ=W', 'ı'])('refuses %j', (text) => {
  expect(base32Decode(text)).toBeUndefined();
});
