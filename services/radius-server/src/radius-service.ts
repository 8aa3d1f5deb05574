import { randomUUID } from 'node:crypto';
import type { Credential } from '@countersign/bus';
import { MfaError, radiusClients, radiusReport } from '@countersign/contracts';
import { createEdgeServer, type Beside, type EdgeFoundation, type EdgeServer } from '@countersign/edge';
import { askFrom } from './ask-app-server.ts';
import { createClients, type Clients } from './clients.ts';
import { createDuplicates } from './duplicates.ts';
import { CLIENTS, CLIENTS_AGE } from './metrics.ts';
import { createNotices } from './notices.ts';
import { createPackets } from './packets.ts';
import { createPlaces } from './places.ts';
import { listenRadsec, type RadsecBounds, type RadsecServer } from './radsec.ts';
import { createReports } from './reports.ts';
import { createSightings } from './sightings.ts';
import { listenUdp, type UdpSockets } from './udp.ts';

export interface RadiusServiceOptions extends EdgeFoundation {
  /** Of the application that this service is. */
  credential: Credential;
  hosts: readonly string[];
  /** 0: any that is free. */
  port: number;
  /** Undefined: none. 0: any that is free. */
  accountingPort?: number;
  radsec?: { port: number; authorities: string; bounds?: Partial<RadsecBounds> };
  maxWaiting: number;
  maxConnections: number;
  rejectDelayMs: number;
}

export interface RadiusService extends EdgeServer {
  readonly beside: Beside;
  /** Where it listens; 0 where it does not. */
  readonly ports: () => { authentication: number; accounting: number; radsec: number };
}

/** Answers are remembered for half a minute: so many logins in that time, and the oldest are asked about again. */
const MOST_REMEMBERED = 100_000;
const REPORT_EVERY_MS = 15_000;
/** While it stops, app-server is told for so long what was seen. */
const LAST_REPORT_MS = 1000;
const REPORT_DEADLINE_MS = 5000;

/** RADIUS clients in front, operations on the bus behind, and nothing in between that another replica would need. */
export function createRadiusService(options: RadiusServiceOptions): RadiusService {
  const { bus, logger, metrics, now, replica } = options;
  const uptime = () => performance.now();
  const ask = askFrom(bus, options.credential);
  const sightings = createSightings();
  const clients = createClients({
    ask: (input, deadlineMs) => ask(radiusClients, input, { attemptId: randomUUID(), deadlineMs }),
    isConnected: () => bus.connected,
    logger,
    uptime,
  });
  const reports = createReports({
    sightings,
    tell: async (report, attemptId) => {
      await ask(radiusReport, report, { attemptId, deadlineMs: REPORT_DEADLINE_MS });
    },
    onLearnt: (clientIds) => clients.confirmLearnt(clientIds),
    logger,
    everyMs: REPORT_EVERY_MS,
  });
  const duplicates = createDuplicates({ limit: MOST_REMEMBERED });
  const notices = createNotices(logger, uptime);
  const packets = createPackets({
    ...options,
    ask,
    clients,
    duplicates,
    places: createPlaces(options),
    sightings,
    reports,
    notices,
    uptime,
  });
  metrics.gauge(CLIENTS, () => clients.table?.size);
  metrics.gauge(CLIENTS_AGE, () => (clients.ageMs === undefined ? undefined : clients.ageMs / 1000));

  const server = createEdgeServer(options, {
    headers: { 'countersign-replica': replica },
    checks: [{ name: 'clients', check: () => assertAnswered(clients) }],
  });
  const sockets: UdpSockets[] = [];
  let radsec: RadsecServer | undefined;
  let ports = { authentication: 0, accounting: 0, radsec: 0 };
  let certificate = { certificate: options.certificate, key: options.key };

  const beside: Beside = {
    listen: async () => {
      clients.start();
      reports.start();
      const common = { hosts: options.hosts, clients, packets, logger, uptime };
      const authentication = await listenUdp({ ...common, port: options.port, purpose: 'authentication' });
      sockets.push(authentication);
      let accounting: UdpSockets | undefined;
      if (options.accountingPort !== undefined) {
        accounting = await listenUdp({ ...common, port: options.accountingPort, purpose: 'accounting' });
        sockets.push(accounting);
      }
      if (options.radsec !== undefined) {
        const { maxConnections } = options;
        radsec = await listenRadsec({ ...common, ...options.radsec, ...certificate, maxConnections, metrics, now });
      }
      ports = { authentication: authentication.port, accounting: accounting?.port ?? 0, radsec: radsec?.port ?? 0 };
    },
    useCertificate: (pair) => {
      radsec?.useCertificate(pair);
      certificate = pair;
    },
    drain: async ({ timeoutMs }) => {
      clients.stop();
      radsec?.drain();
      await Promise.race([packets.drain(), after(timeoutMs - LAST_REPORT_MS)]);
      await Promise.all([radsec?.close(), ...sockets.splice(0).map((one) => one.close())]);
      await Promise.race([reports.stop(), after(LAST_REPORT_MS)]);
    },
  };
  return {
    ...server,
    beside,
    ports: () => ports,
    requests: () => ({ working: packets.working, waiting: packets.waiting }),
  };
}

/** RAD-70: Status-Server and readiness say the same. */
async function assertAnswered(clients: Clients): Promise<void> {
  if (await clients.isAnswered()) return;
  throw new MfaError('UNAVAILABLE', { reason: 'app-server has not said lately who the clients are' });
}

function after(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, Math.max(0, ms)).unref();
  });
}
