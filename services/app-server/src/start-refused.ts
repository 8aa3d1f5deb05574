/**
 * Something this replica was given, or what it names, with which it must not serve. The sentence says what to change;
 * docs/operations/refusals.md has all of them.
 */
export class StartRefused extends Error {
  override readonly name: string = 'StartRefused';
}
