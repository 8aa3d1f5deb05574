import { randomUUID } from 'node:crypto';
import type { Duplex } from 'node:stream';
import { MfaError } from '@countersign/contracts';
import type { Metrics } from '@countersign/telemetry';
import { REQUESTS_CUT } from './metrics.ts';
import { PROBLEM_CONTENT_TYPE, toProblem } from './problem.ts';

const REASONS: Record<string, { reason: string; message: string }> = {
  ERR_HTTP_REQUEST_TIMEOUT: { reason: 'slow', message: 'did not arrive in time' },
  HPE_HEADER_OVERFLOW: { reason: 'headers', message: 'has headers that are too long' },
};
const NOT_HTTP = { reason: 'not HTTP', message: 'is not HTTP/1.1' };

/**
 * What Node could not read as a request, or not in time (R29): a problem, written by hand because there is no reply
 * object, and the end of the connection.
 */
export function answerClientError(
  error: NodeJS.ErrnoException,
  socket: Duplex,
  options: { metrics: Metrics; headers: Record<string, string>; wasAnswered: boolean },
): void {
  const code = error.code ?? '';
  const known = REASONS[code] ?? (code.startsWith('HPE_') ? NOT_HTTP : undefined);
  options.metrics.counter(REQUESTS_CUT).inc({ reason: known?.reason ?? 'connection' });
  // Handshakes that failed and connections that broke have nobody to read an answer. And a request that has had its
  // answer must not get a second one: a proxy would give it to the next request on that connection.
  if (known === undefined || !socket.writable || options.wasAnswered) {
    socket.destroy();
    return;
  }
  const invalid = [{ pointer: '', message: known.message }];
  const { problem } = toProblem(new MfaError('REQUEST_INVALID', { invalid }), randomUUID());
  const body = JSON.stringify(problem);
  const headers = {
    ...options.headers,
    'content-type': PROBLEM_CONTENT_TYPE,
    'content-length': String(Buffer.byteLength(body)),
    connection: 'close',
  };
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  socket.end(`HTTP/1.1 400 Bad Request\r\n${lines.join('')}\r\n${body}`, () => socket.destroy());
}
