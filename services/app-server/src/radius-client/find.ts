import type { InputOf, OutputOf, radiusClientFind } from '@countersign/contracts';
import type { Router } from '../database/router.ts';
import { readClients, viewClient } from './store.ts';

/** All of them, in the order of their names. @throws MfaError UNAVAILABLE. */
export async function find(
  { router }: { router: Router },
  _input: InputOf<typeof radiusClientFind>,
): Promise<OutputOf<typeof radiusClientFind>> {
  return { clients: (await readClients(router)).map(viewClient) };
}
