import type { InputOf, keysPhones, OutputOf } from '@countersign/contracts';
import type { PhoneKeys } from './phone-keys.ts';

/** The keys that phones trust, and trusted before. Public, all of it. */
export async function phones(
  { phoneKeys }: { phoneKeys: Pick<PhoneKeys, 'all' | 'refresh'> },
  _input: InputOf<typeof keysPhones>,
): Promise<OutputOf<typeof keysPhones>> {
  await phoneKeys.refresh();
  const sets = phoneKeys.all();
  return {
    keys: sets.map(({ keySet: { version, at }, signing: { keyId: kid } }) => ({
      kid,
      keySet: version,
      signsFrom: new Date(at).toISOString(),
      // Each set holds the key of the one before.
      trusted: version >= sets.length - 1,
    })),
  };
}
