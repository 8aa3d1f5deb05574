import type { InputOf, OutputOf, radiusUpstreamFind } from '@countersign/contracts';
import type { Router } from '../database/router.ts';
import { readUpstreams, viewUpstream } from './store.ts';

/** All of them, in the order of their names. @throws MfaError UNAVAILABLE. */
export async function find(
  { router }: { router: Router },
  _input: InputOf<typeof radiusUpstreamFind>,
): Promise<OutputOf<typeof radiusUpstreamFind>> {
  return { upstreams: (await readUpstreams(router)).map(viewUpstream) };
}
