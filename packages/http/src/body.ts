import type { IncomingMessage } from 'node:http';
import { MfaError } from '@countersign/contracts';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { parseStrictJson } from './strict-json.ts';

/**
 * What a parser hands on in place of a body that it refuses. Fastify would close the connection on a parser's error, and
 * a caller that is still sending would then lose the answer; so the refusal waits for the next hook.
 */
class RefusedBody {
  readonly error: MfaError;
  constructor(error: MfaError) {
    this.error = error;
  }
}

/** `application/json` is all there is (RFC 8259 section 8.1: UTF-8); a charset parameter may only say so. */
const JSON_TYPE = /^application\/json(?:\s*;\s*charset="?utf-8"?)?\s*$/i;

/**
 * Every body is strict JSON of at most `limitBytes`; an empty one is `undefined`. Anything else is REQUEST_INVALID.
 */
export function acceptJson(app: FastifyInstance, limitBytes: number): void {
  install(app, async (request, payload) => {
    const bytes = await readAll(payload, limitBytes);
    if (bytes.length === 0) return undefined;
    if (!JSON_TYPE.test(request.headers['content-type'] ?? '')) throw wrongType();
    return parseStrictJson(bytes);
  });
}

/** For the few routes whose body somebody else defines: a Buffer, of any type. */
export function acceptAnything(app: FastifyInstance, limitBytes: number): void {
  install(app, (_, payload) => readAll(payload, limitBytes));
}

type Parse = (request: FastifyRequest, payload: IncomingMessage) => Promise<unknown>;

function install(app: FastifyInstance, parse: Parse): void {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', async (request: FastifyRequest, payload: IncomingMessage) => {
    if (request.is404) return undefined;
    try {
      return await parse(request, payload);
    } catch (error) {
      if (error instanceof MfaError) return new RefusedBody(error);
      throw error;
    }
  });
  app.addHook('preValidation', (request, _reply, done) => {
    if (request.body instanceof RefusedBody) done(request.body.error);
    else done();
  });
}

/** @throws MfaError as soon as it is known that the body is too long; the rest is left to whoever answers. */
function readAll(payload: IncomingMessage, limitBytes: number): Promise<Buffer> {
  if (Number(payload.headers['content-length'] ?? 0) > limitBytes) return Promise.reject(tooLong(limitBytes));
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let length = 0;
    const settle = (finish: () => void) => {
      payload.off('data', onData).off('end', onEnd).off('error', onLost).off('close', onLost);
      finish();
    };
    const onData = (chunk: Buffer) => {
      length += chunk.length;
      if (length > limitBytes) settle(() => reject(tooLong(limitBytes)));
      else chunks.push(chunk);
    };
    const onEnd = () => settle(() => resolve(Buffer.concat(chunks, length)));
    // Nobody is left to hear this; it only must not be counted as an error of ours.
    const onLost = () => settle(() => reject(refused('', 'did not arrive whole')));
    payload.on('data', onData).on('end', onEnd).on('error', onLost).on('close', onLost);
    payload.resume();
  });
}

function wrongType(): MfaError {
  return refused('Content-Type', 'must be application/json');
}

function tooLong(limitBytes: number): MfaError {
  return refused('', `is longer than ${limitBytes} bytes`);
}

function refused(pointer: string, message: string): MfaError {
  return new MfaError('REQUEST_INVALID', { invalid: [{ pointer, message }] });
}
