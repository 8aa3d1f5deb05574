/**
 * Our edge alone, which asks nobody and lets everybody in: it takes, judges and answers packets as radius-server does. What it costs is the socket
 * and the codec. With `RADIUS_WHOLE` the rest of radius-server is there as well: duplicates, places, metrics and log lines.
 */
import { createLogger, createMetrics } from '@countersign/telemetry';
import { clientTable } from '../../services/radius-server/src/client-table.ts';
import type { Ask } from '../../services/radius-server/src/ask-app-server.ts';
import type { Clients } from '../../services/radius-server/src/clients.ts';
import { createDuplicates } from '../../services/radius-server/src/duplicates.ts';
import { judge } from '../../services/radius-server/src/judge.ts';
import { createNotices } from '../../services/radius-server/src/notices.ts';
import { createPackets, type Packets } from '../../services/radius-server/src/packets.ts';
import { createPlaces } from '../../services/radius-server/src/places.ts';
import { encodeDecision, type Decision } from '../../services/radius-server/src/reply.ts';
import { createSightings } from '../../services/radius-server/src/sightings.ts';
import { listenUdp } from '../../services/radius-server/src/udp.ts';

const { RADIUS_PORT, RADIUS_SECRET = '', RADIUS_WHOLE } = process.env;
const ACCEPT: Decision = { answer: 'accept', attributes: [], send: true };
const MOST_REMEMBERED = 100_000;

const table = clientTable([
  {
    clientId: '00000000-0000-4000-8000-000000000000',
    name: 'bench',
    networks: ['127.0.0.0/8'],
    certificates: [],
    secret: RADIUS_SECRET,
    requireMessageAuthenticator: 'yes',
    limitProxyState: true,
    timeoutSeconds: 3,
    tries: 3,
    forwards: false,
  },
]);
const clients: Clients = {
  table,
  ageMs: 0,
  start: () => undefined,
  stop: () => undefined,
  isAnswered: () => Promise.resolve(true),
  learn: () => undefined,
  confirmLearnt: () => undefined,
};
const logger = createLogger({ service: 'radius-server', replica: 'bench', level: 'info' });
const uptime = (): number => performance.now();

function judgeAlone(): Packets {
  return {
    take: ({ packet, client, way, respond }) => {
      const verdict = judge(packet, client, way);
      if (verdict.what === 'login') respond(encodeDecision(ACCEPT, packet, way));
      return undefined;
    },
    malformed: () => undefined,
    stranger: () => undefined,
    dropped: () => undefined,
    working: 0,
    waiting: 0,
    drain: () => Promise.resolve(),
  };
}

function whole(): Packets {
  return createPackets({
    ask: (() => Promise.resolve(ACCEPT)) as unknown as Ask,
    clients,
    duplicates: createDuplicates({ limit: MOST_REMEMBERED }),
    places: createPlaces({ maxInFlight: 1000, maxWaiting: 4000 }),
    sightings: createSightings(),
    reports: { hurry: () => undefined },
    notices: createNotices(logger, uptime),
    logger,
    metrics: createMetrics({ service: 'radius-server', replica: 'bench' }),
    rejectDelayMs: 1000,
    now: () => Date.now(),
    uptime,
  });
}

await listenUdp({
  hosts: ['127.0.0.1'],
  port: Number(RADIUS_PORT),
  purpose: 'authentication',
  clients,
  packets: RADIUS_WHOLE === undefined ? judgeAlone() : whole(),
  logger,
  uptime,
});
process.once('SIGTERM', () => process.exit(0));
