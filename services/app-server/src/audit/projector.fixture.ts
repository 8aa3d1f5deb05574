/** A projector in a process of its own, so that a test can kill it. */
import { createMetrics, silentLogger } from '@countersign/telemetry';
import { jetstream, jetstreamManager } from '@nats-io/jetstream';
import { connect } from '@nats-io/transport-node';
import { createRouter } from '../database/router.ts';
import { UNDIVIDED } from '../ledger/partition.ts';
import { startProjector } from './projector.ts';

const [, , servers = '', url = ''] = process.argv;
const nats = await connect({ servers });
startProjector({
  jetstream: jetstream(nats),
  manager: await jetstreamManager(nats),
  partitions: [UNDIVIDED],
  router: createRouter({ urls: [url], now: () => performance.timeOrigin + performance.now() }),
  now: () => performance.timeOrigin + performance.now(),
  logger: silentLogger(),
  metrics: createMetrics({ service: 'test', replica: 'test', processMetrics: false }),
});
