import { randomUUID } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import { call, type Bus } from '@countersign/bus';
import { messageStatus, MfaError } from '@countersign/contracts';
import { acceptAnything, clientOf, type Slots } from '@countersign/http';
import type { FastifyInstance } from 'fastify';

/** base64 makes four characters of three bytes, and the operation takes 65,536 characters. */
const LIMIT_BYTES = 49_152;
const MAX_PATH = 2048;
const MAX_HEADER = 2048;
const DEADLINE_MS = 10_000;

/** Where carriers put their signatures. What else a caller sends stays here. */
const PASSED_ON =
  /^(?:content-type|signature|signature-input|content-digest|webhook-[\w-]{1,64}|x-(?!forwarded|real)[\w-]{1,64})$/;

/**
 * `POST /v1/carriers/{carrier}/status`: what a carrier says of a message it took. The carrier proves itself by a signature
 * over the bytes, which only app-server can check; so the bytes go on as they came (TEL-20). Until then it is anybody, and has the
 * share of its address.
 */
export function receiveCarrierStatus(
  app: FastifyInstance,
  { bus, working, byAddress }: { bus: Bus; working: Slots; byAddress: Slots },
): void {
  void app.register((scope, _options, done) => {
    acceptAnything(scope, LIMIT_BYTES);
    scope.post<{ Params: { carrier: string } }>('/v1/carriers/:carrier/status', async (request, reply) => {
      const path = request.raw.url ?? '';
      const { carrier } = request.params;
      if (path.length > MAX_PATH || carrier.length > 64) throw new MfaError('REQUEST_INVALID');
      const body = Buffer.isBuffer(request.body) ? request.body.toString('base64') : '';
      const releaseShare = byAddress.take(clientOf(request.ip), messageStatus);
      let release = (): void => undefined;
      try {
        release = working.take(undefined, messageStatus);
        const input = { carrier, path, headers: passedOn(request.headers), body };
        const { traceparent } = request;
        await call(bus, messageStatus, input, { attemptId: randomUUID(), deadlineMs: DEADLINE_MS, traceparent });
      } finally {
        release();
        releaseShare();
      }
      return reply.code(204).send();
    });
    done();
  });
}

function passedOn(headers: IncomingHttpHeaders): Record<string, string> {
  const passed: Record<string, string> = {};
  for (const [name, value] of Object.entries(headers)) {
    if (typeof value === 'string' && value.length <= MAX_HEADER && PASSED_ON.test(name)) passed[name] = value;
  }
  return passed;
}
