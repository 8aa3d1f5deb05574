import type { Router } from '../database/router.ts';
import { listReplicas } from './store.ts';

/** As many as a token takes. */
const MOST = 16;

/**
 * Where app-servers are asked: those that the settings name first, then every other that has joined, at the port that this one has.
 * So whoever joined by one of them finds the others when that one is gone.
 */
export async function joinUrlsNow(
  router: Router,
  { urls, port }: { urls: readonly string[]; port: number },
): Promise<string[]> {
  if (urls.length === 0) return [];
  const others = (await listReplicas(router, false)).flatMap(({ service, state, hosts: [host] }) =>
    service === 'app-server' && state === 'active' && host !== undefined ? [`https://${host}:${port}`] : [],
  );
  return [...new Set([...urls, ...others])].slice(0, MOST);
}
