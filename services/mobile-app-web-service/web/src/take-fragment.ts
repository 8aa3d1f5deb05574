/**
 * The activation link that the page was opened with, if any. What is secret in it goes out of the address bar and the history at once.
 */
export function takeFragment(): string | undefined {
  const { href, hash, pathname } = location;
  if (hash === '') return undefined;
  history.replaceState(undefined, '', pathname);
  return hash.startsWith('#activate=') ? href : undefined;
}
