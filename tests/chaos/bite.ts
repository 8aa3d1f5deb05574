/** A fault that was not one: whatever was seen says nothing about it. */
class DidNotBite extends Error {
  override readonly name = 'DidNotBite';
}

/** @param what is so once the fault has taken effect. */
export function proved(isSo: boolean, what: string): void {
  if (!isSo) throw new DidNotBite(`the fault did not take effect: ${what} is not so`);
}
