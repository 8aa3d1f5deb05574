import type { JetStreamClient, JetStreamManager } from '@nats-io/jetstream';
import type { Router } from '../database/router.ts';
import type { ClockReading } from './clock-watch.ts';
import { readNatsClock } from './nats-clock.ts';

/** The clocks of NATS and of every Postgres node that answers. */
export async function readClocks({
  client,
  manager,
  router,
  replica,
  now,
}: {
  client: JetStreamClient;
  manager: JetStreamManager;
  router: Router;
  replica: string;
  now: () => number;
}): Promise<ClockReading[]> {
  const nats = await readNatsClock(client, manager, replica, now).catch(() => undefined);
  const postgres = router
    .nodes()
    .map(({ name, reachable, clockSkewMs }) => ({ name, aheadMs: reachable ? clockSkewMs : undefined }));
  return [{ name: 'NATS', aheadMs: nats }, ...postgres];
}
