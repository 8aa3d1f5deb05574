/**
 * Whom to ask, in which order: the carriers that the policy names, in its order, without those that rest and those that are
 * not configured here. A policy that names none leaves the choice to the configuration.
 */
export function orderOf(
  named: readonly string[],
  configured: readonly string[],
  isReady: (name: string) => boolean,
): string[] {
  const chosen = named.length === 0 ? configured : [...new Set(named)].filter((name) => configured.includes(name));
  return chosen.filter((name) => isReady(name));
}
