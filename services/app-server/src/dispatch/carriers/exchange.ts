import { BlockList, isIP, type LookupFunction } from 'node:net';
import { lookup as systemLookup } from 'node:dns';
import { request as httpRequest, type ClientRequest, type IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';

export interface ExchangeRequest {
  method: 'POST' | 'PUT';
  url: URL;
  headers: Record<string, string>;
  body: string;
}

export interface ExchangeLimits {
  /** For name, connection and TLS together. */
  connectTimeoutMs: number;
  /** For everything, from the first step to the last byte of the answer. */
  timeoutMs: number;
  /** TEL-14: whether the host may have an address of the house itself. Loopback is for hosts that say so by name. */
  allowPrivateAddresses: boolean;
  /** PEM of the authority that signed the host's certificate, when it is not a public one. */
  ca?: string;
}

/**
 * How far one request got, and that is all that decides whether somebody else may be asked: `notSent` is certain, because no
 * byte of the request had left when it failed; `lost` means that nobody knows.
 */
export type Exchange =
  | { end: 'answered'; status: number; body: string }
  | { end: 'notSent'; reason: string }
  | { end: 'lost'; reason: string };

const MAX_ANSWER_BYTES = 64 * 1024;

/**
 * One request on a connection of its own, so that "nothing was sent" stays a certainty: on a kept connection it never is.
 * Redirects are answers like any other. Never throws.
 */
export function exchange({ method, url, headers, body }: ExchangeRequest, limits: ExchangeLimits): Promise<Exchange> {
  const secure = url.protocol === 'https:';
  const literal = url.hostname.replace(/^\[|\]$/g, '');
  if (isIP(literal) !== 0 && !isAllowed(literal, url, limits)) {
    return Promise.resolve({ end: 'notSent', reason: 'private_address' });
  }
  return new Promise((resolve) => {
    let connected = false;
    let outgoing: ClientRequest | undefined;
    const end = (result: Exchange) => {
      clearTimeout(connectTimer);
      clearTimeout(timer);
      resolve(result);
      outgoing?.destroy();
    };
    const fail = (reason: string) => end(connected ? { end: 'lost', reason } : { end: 'notSent', reason });
    const connectTimer = setTimeout(() => {
      if (!connected) fail('connect_timeout');
    }, limits.connectTimeoutMs);
    const timer = setTimeout(() => fail('timeout'), limits.timeoutMs);

    try {
      outgoing = (secure ? httpsRequest : httpRequest)(url, {
        method,
        headers: { ...headers, 'content-length': String(Buffer.byteLength(body)), connection: 'close' },
        agent: false,
        lookup: guardedLookup(url, limits),
        ...(limits.ca !== undefined && { ca: limits.ca }),
      });
    } catch (error) {
      // A header that HTTP does not allow: found before anything was opened.
      end({ end: 'notSent', reason: reasonOf(error) });
      return;
    }
    outgoing.on('error', (error) => fail(reasonOf(error)));
    outgoing.on('response', (answer) => readAnswer(answer, end));
    // Only a connection that is ready to carry the request gets it: until then nothing can have been sent.
    outgoing.on('socket', (socket) => {
      socket.once(secure ? 'secureConnect' : 'connect', () => {
        connected = true;
        outgoing?.end(body);
      });
    });
  });
}

/** The status decides; an answer that breaks off or is too long has said it already. */
function readAnswer(answer: IncomingMessage, end: (result: Exchange) => void): void {
  const chunks: Buffer[] = [];
  let bytes = 0;
  const finish = () => {
    end({ end: 'answered', status: answer.statusCode ?? 0, body: Buffer.concat(chunks).toString('utf8') });
  };
  answer.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes > MAX_ANSWER_BYTES) finish();
    else chunks.push(chunk);
  });
  answer.on('end', finish);
  answer.on('error', finish);
  answer.on('aborted', finish);
}

const PRIVATE = new BlockList();
for (const [network, bits] of [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['224.0.0.0', 3],
] as const) {
  PRIVATE.addSubnet(network, bits, 'ipv4');
}
for (const [network, bits] of [
  ['::', 128],
  ['fc00::', 7],
  ['fe80::', 10],
  ['ff00::', 8],
  ['64:ff9b::', 96],
] as const) {
  PRIVATE.addSubnet(network, bits, 'ipv6');
}
const LOOPBACK = new BlockList();
LOOPBACK.addSubnet('127.0.0.0', 8, 'ipv4');
LOOPBACK.addAddress('::1', 'ipv6');

/** `localhost` or an address of this machine, written as such. */
export function isLoopbackHost(hostname: string): boolean {
  const literal = hostname.replace(/^\[|\]$/g, '');
  const family = isIP(literal);
  return family === 0 ? literal === 'localhost' : LOOPBACK.check(literal, family === 4 ? 'ipv4' : 'ipv6');
}

function isAllowed(address: string, url: URL, limits: ExchangeLimits): boolean {
  const family = isIP(address) === 4 ? 'ipv4' : 'ipv6';
  if (LOOPBACK.check(address, family)) return isLoopbackHost(url.hostname);
  return limits.allowPrivateAddresses || !PRIVATE.check(address, family);
}

/** Looks at what the name leads to at the moment of connecting, so that a name server cannot point us into the house. */
function guardedLookup(url: URL, limits: ExchangeLimits): LookupFunction {
  return (hostname, options, callback) => {
    systemLookup(hostname, { ...options, all: true }, (error, addresses) => {
      if (error !== null) {
        callback(error, [], 0);
        return;
      }
      const allowed = addresses.filter(({ address }) => isAllowed(address, url, limits));
      const [first] = allowed;
      if (first === undefined) {
        callback(Object.assign(new Error('no allowed address'), { code: 'PRIVATE_ADDRESS' }), [], 0);
      } else if (options.all === true) callback(null, allowed);
      else callback(null, first.address, first.family);
    });
  };
}

/** The system's code alone: messages quote hosts and headers. */
function reasonOf(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  return typeof code === 'string' && /^[A-Z0-9_]{1,48}$/.test(code) ? code.toLowerCase() : 'error';
}
