import { canonicalUsername } from './canonical.ts';
import type { LoginUsers } from './login-users.ts';

/**
 * Whether somebody who is unknown by the name that they typed may be a user here by another one: by one of these, or by one of them without its
 * domain or suffix. Who says "stranger" too soon lets a user in without their second factor.
 * @throws MfaError UNAVAILABLE.
 */
export async function isUserByAnotherName(
  users: Pick<LoginUsers, 'byNameHere'>,
  names: readonly string[],
): Promise<boolean> {
  const spellings = new Set(names.flatMap((name) => [name, bare(name)]).flatMap(canonicalOf));
  const found = await Promise.all([...spellings].map((canonical) => users.byNameHere(canonical)));
  return found.some((user) => user !== undefined);
}

/** `EXAMPLE\alice`, `example.com/alice` and `alice@example.com` are alice to many servers. */
function bare(name: string): string {
  const [local = ''] = name.slice(Math.max(name.lastIndexOf('\\'), name.lastIndexOf('/')) + 1).split('@');
  return local;
}

function canonicalOf(name: string): string[] {
  const read = canonicalUsername(name);
  return 'canonical' in read ? [read.canonical] : [];
}
