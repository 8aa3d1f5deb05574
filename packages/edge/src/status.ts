import { endpoint, serve, type Bus, type Serving } from '@countersign/bus';
import { edgeStatus } from '@countersign/contracts';
import { VERSION, type Logger } from '@countersign/telemetry';

/** Nobody asks more often than a person can read. */
const MAX_IN_FLIGHT = 8;

/**
 * Says how this replica is when an administrator asks.
 * @returns undefined where NATS does not let it: permissions of an older version do not have the subject, and logins need no status.
 */
export async function serveStatus(deps: {
  bus: Bus;
  service: string;
  /** Of the process, in the names of events. */
  name: string;
  /** How many requests it holds now. */
  requests: () => { working: number; waiting: number };
  replica: string;
  logger: Logger;
  /** ms since the epoch. */
  startedAt: number;
  now: () => number;
}): Promise<Serving | undefined> {
  const { bus, service, name, requests, replica, logger, startedAt, now } = deps;
  const own = endpoint(edgeStatus, () =>
    Promise.resolve({
      replica,
      service,
      version: VERSION,
      node: process.versions.node,
      startedAt: new Date(startedAt).toISOString(),
      at: new Date(now()).toISOString(),
      server: bus.nats.info?.server_name ?? 'none',
      ...requests(),
    }),
  );
  try {
    return await serve(bus, [own], { queue: `${service}.${replica}`, replica, maxInFlight: MAX_IN_FLIGHT, logger });
  } catch (error) {
    logger.warn(`${name}.status`, { error, detail: 'countersign cluster status does not show this replica.' });
    return undefined;
  }
}
