import type { Check } from '@countersign/contracts';
import type { Upstream, UpstreamServerCheck } from '../radius-upstream/upstream.ts';

/** Less than the doctor waits for everything. */
const WITHIN_MS = 3000;

export interface UpstreamsView {
  all(): readonly Pick<Upstream, 'name' | 'checkServers'>[];
  unopened(): readonly string[];
}

/** Each server of each upstream. No password of anybody is tried. */
export async function checkUpstreams(upstreams: UpstreamsView): Promise<Check[]> {
  const unopened = upstreams.unopened().map((name): Check => ({
    name: `radius-upstream.${name}`,
    level: 'fail',
    detail: 'no key of the ring opens its secret: it is not asked',
    advice: `Give it anew: countersign radius-upstreams update ${JSON.stringify(name)} --secret`,
  }));
  const asked = upstreams
    .all()
    .map(async (upstream) => checkUpstream(upstream.name, await upstream.checkServers(WITHIN_MS)));
  return [...unopened, ...(await Promise.all(asked))];
}

export function checkUpstream(upstream: string, servers: readonly UpstreamServerCheck[]): Check {
  const name = `radius-upstream.${upstream}`;
  const silent = servers.filter(({ ok }) => !ok);
  if (silent.length === 0) {
    const slowest = Math.max(...servers.map(({ ms }) => ms));
    return { name, level: 'ok', detail: `${servers.length} of ${servers.length} servers answer, in ${slowest} ms` };
  }
  const reasons = silent.map(({ problem }) => problem ?? 'unknown').join('; ');
  return {
    name,
    // NPS is silent and well: whether it is ill, only a login shows.
    level: 'warn',
    detail: `${silent.length} of ${servers.length} servers answer no Status-Server, and no login of late: ${reasons}`,
    advice:
      'NPS answers logins only: sign in once through it and look again. Of others, see whether our address is a client there, with this ' +
      'secret, and whether a firewall lets UDP pass.',
  };
}
