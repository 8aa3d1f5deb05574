import fastifyRateLimit from '@fastify/rate-limit';
import { MfaError } from '@countersign/contracts';
import type { FastifyInstance, FastifyRequest } from 'fastify';

const MINUTE_MS = 60_000;

/** A hook for routes that anybody may call, and that begin something. @throws MfaError TRY_LATER. */
export type StrangersBound = (request: FastifyRequest) => Promise<void>;

/**
 * How often one address, of IPv6 a /64, begins something before anybody has said who they are: each time takes room in the house, or asks
 * somebody outside it. Counted in this replica: with more of them there is more room.
 */
export function boundStrangers(
  app: FastifyInstance,
  perMinute: number,
  onRefused: (reason: string) => void,
): StrangersBound {
  void app.register(fastifyRateLimit, { global: false });
  let count: ReturnType<FastifyInstance['createRateLimit']> | undefined;
  return async (request) => {
    // Not before a request is there: until then the plugin may not be.
    count ??= app.createRateLimit({ max: perMinute, timeWindow: MINUTE_MS });
    const counted = await count(request);
    if (counted.isAllowed || !counted.isExceeded) return;
    onRefused('address asks too often');
    throw new MfaError('TRY_LATER', { retryAfterSeconds: counted.ttlInSeconds, reason: 'address asks too often' });
  };
}
