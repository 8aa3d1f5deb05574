import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';
import { MfaError, type RadiusUpstreamSettings } from '@countersign/contracts';
import { encodeAccessRequest, encodeStatusServer, MAX_PASSWORD_OCTETS, type Packet } from '@countersign/radius';
import { Turns } from '../directory/turns.ts';
import { accessRequestAttributes, type UpstreamRequest } from './access-request.ts';
import { answerOf, provenPacket, type Asked, type Dropped, type UpstreamAnswer } from './answer.ts';
import { exchange } from './exchange.ts';

export interface UpstreamOptions {
  name: string;
  settings: RadiusUpstreamSettings;
  secret: Buffer;
  /** ms since the epoch. */
  now: () => number;
  randomBytes: (size: number) => Buffer;
  /** For each datagram that was no answer. */
  onDropped?: ((server: string, why: Dropped) => void) | undefined;
}

export interface UpstreamServerCheck {
  /** host:port */
  server: string;
  ok: boolean;
  ms: number;
  problem?: string;
}

type Server = RadiusUpstreamSettings['servers'][number];

/** A server that did not answer is asked last for so long. */
const LEFT_OUT_MS = 30_000;
/** An answer to a login says as much as one to a check, for so long. */
const ANSWERED_LATELY_MS = 300_000;
/** Sockets open at a time, and how many more may wait for one: servers that hang hold up nobody else (R26). */
const TURNS = { most: 256, mostWaiting: 1024, waitMs: 2000 };
/** Refused here as the server would: it cannot be sent (RAD-06), and an empty one is none. */
const CANNOT_TRAVEL: UpstreamAnswer = { outcome: 'reject', attributes: [] };
const RETRY_AFTER_SECONDS = 10;

/** Servers that hold passwords, such as NPS: first choice first, and those that answer before those that do not. */
export class Upstream {
  readonly name: string;
  readonly settings: RadiusUpstreamSettings;
  readonly #secret: Buffer;
  readonly #now: () => number;
  readonly #randomBytes: (size: number) => Buffer;
  readonly #onDropped: (server: string, why: Dropped) => void;
  readonly #failedAt = new Map<string, number>();
  readonly #answeredAt = new Map<string, number>();
  readonly #turns = new Turns(TURNS);

  constructor({ name, settings, secret, now, randomBytes, onDropped = () => undefined }: UpstreamOptions) {
    this.name = name;
    this.settings = settings;
    this.#secret = secret;
    this.#now = now;
    this.#randomBytes = randomBytes;
    this.#onDropped = onDropped;
  }

  /**
   * Asks one server after another until one answers; each is sent the same octets as often as the settings say. A password that cannot be sent
   * is refused without asking.
   * @param deadline ms since the epoch; nobody waits beyond it.
   * @throws MfaError RADIUS_UPSTREAM_UNAVAILABLE when none answers, REQUEST_INVALID when it fits in no packet.
   */
  async ask(request: UpstreamRequest, deadline: number): Promise<UpstreamAnswer> {
    if (request.password !== undefined && !canTravel(request.password)) return CANNOT_TRAVEL;
    const problems: unknown[] = [];
    try {
      return await this.#turns.take(async () => {
        for (const server of this.#inOrder()) {
          // Whoever is not asked any more has not failed.
          if (this.#now() >= deadline) break;
          const answer = await this.#askServer(server, request, deadline).catch((error: unknown) => {
            problems.push(error);
            this.#failedAt.set(nameOf(server), this.#now());
            return undefined;
          });
          if (answer !== undefined) return answer;
        }
        const sentences = problems.map((problem) => (problem instanceof Error ? problem.message : 'unknown'));
        const why = sentences.length === 0 ? 'there is no time left' : sentences.join('; ');
        throw new Error(`no server of ${this.name} answers: ${why}`, { cause: problems.at(-1) });
      });
    } catch (cause) {
      if (cause instanceof MfaError) throw cause;
      const why = { reason: 'upstream', retryAfterSeconds: RETRY_AFTER_SECONDS, cause };
      throw new MfaError('RADIUS_UPSTREAM_UNAVAILABLE', why);
    }
  }

  /**
   * How each server answers a Status-Server (RFC 5997), all asked at once. NPS knows none and is silent; one that answered a login within the
   * last five minutes passes without.
   */
  checkServers(withinMs: number): Promise<UpstreamServerCheck[]> {
    return Promise.all(
      this.settings.servers.map(async (server) => {
        const since = performance.now();
        const deadline = this.#now() + withinMs;
        const problem = await this.#askStatus(server, deadline).then(
          () => undefined,
          (error: unknown) => (error instanceof Error ? error.message : 'unknown'),
        );
        const ok = problem === undefined || this.#hasAnsweredLately(server);
        const ms = Math.round(performance.now() - since);
        return { server: nameOf(server), ok, ms, ...(!ok && { problem }) };
      }),
    );
  }

  #askServer(server: Server, request: UpstreamRequest, deadline: number): Promise<UpstreamAnswer> {
    const asked = this.#asked();
    const octets = encoded(() => {
      const attributes = accessRequestAttributes(request, asked.secret, asked.authenticator);
      return encodeAccessRequest({ ...asked, attributes }, asked.secret);
    });
    return this.#exchange(server, { octets, asked, deadline }, (packet) => answerOf(packet, asked));
  }

  #askStatus(server: Server, deadline: number): Promise<Packet> {
    const asked = this.#asked();
    return this.#exchange(
      server,
      { octets: encodeStatusServer(asked, asked.secret), asked, deadline },
      (packet) => packet,
    );
  }

  /** An identifier and an authenticator for each server: what one has hidden with it no other is to see. */
  #asked(): Asked {
    const { requireMessageAuthenticator } = this.settings;
    return {
      id: this.#randomBytes(1).readUInt8(0),
      authenticator: this.#randomBytes(16),
      secret: this.#secret,
      requireMessageAuthenticator,
    };
  }

  /** @throws with a sentence for operators when no answer that is one came in time. */
  async #exchange<T extends object>(
    server: Server,
    { octets, asked, deadline }: { octets: Buffer; asked: Asked; deadline: number },
    understand: (packet: Packet) => T | { dropped: Dropped },
  ): Promise<T> {
    const dropped = new Set<Dropped>();
    const name = nameOf(server);
    const read = (datagram: Buffer): T | undefined => {
      const packet = provenPacket(datagram, asked);
      const answer = 'dropped' in packet ? packet : understand(packet);
      if (!('dropped' in answer)) return answer;
      dropped.add(answer.dropped);
      this.#onDropped(name, answer.dropped);
      return undefined;
    };
    const { timeoutSeconds, tries } = this.settings;
    const timeoutMs = timeoutSeconds * 1000;
    const timing = () => ({ timeoutMs, tries, withinMs: deadline - this.#now() });
    const problems: string[] = [];
    const failed = (error: unknown) => {
      problems.push(error instanceof Error ? error.message : 'unknown');
      return undefined;
    };
    const addresses = await within(timing().withinMs, timeoutMs, addressesOf(server.host)).catch(failed);
    for (const address of addresses ?? []) {
      if (timing().withinMs <= 0) break;
      const answer = await exchange({ address, port: server.port, octets, ...timing(), read }).catch(failed);
      if (answer === undefined) continue;
      this.#failedAt.delete(name);
      this.#answeredAt.set(name, this.#now());
      return answer;
    }
    const why = [...problems, ...[...dropped].map((reason) => SENTENCES[reason])];
    throw new Error(`${name}: ${why.length === 0 ? 'it did not answer in time' : why.join(', ')}`);
  }

  #hasAnsweredLately(server: Server): boolean {
    return this.#now() - (this.#answeredAt.get(nameOf(server)) ?? -Infinity) < ANSWERED_LATELY_MS;
  }

  /** As configured, those that failed lately last. */
  #inOrder(): Server[] {
    const hasFailed = (server: Server) => this.#now() - (this.#failedAt.get(nameOf(server)) ?? -Infinity) < LEFT_OUT_MS;
    return this.settings.servers.toSorted((a, b) => Number(hasFailed(a)) - Number(hasFailed(b)));
  }
}

/** What an operator is to do about answers that are dropped. */
const SENTENCES: Record<Dropped, string> = {
  malformed: 'its answer cannot be read',
  'another-request': 'its answer was for another request',
  'wrong-authenticator': 'its answer is not made with this secret',
  'no-message-authenticator': 'its answer has no Message-Authenticator: update it (CVE-2024-3596)',
  'wrong-message-authenticator': 'the Message-Authenticator of its answer is wrong',
};

function canTravel(password: string): boolean {
  const octets = Buffer.byteLength(password);
  return octets > 0 && octets <= MAX_PASSWORD_OCTETS;
}

function encoded(encode: () => Buffer): Buffer {
  try {
    return encode();
  } catch (cause) {
    if (cause instanceof RangeError) throw new MfaError('REQUEST_INVALID', { reason: 'upstream', cause });
    throw cause;
  }
}

/** As the system orders them (RFC 6724). */
async function addressesOf(host: string): Promise<string[]> {
  if (isIP(host) !== 0) return [host];
  const found = await lookup(host, { all: true, order: 'verbatim' });
  return found.map(({ address }) => address);
}

/** A resolver that hangs is given up as a server is. */
function within<T>(leftMs: number, timeoutMs: number, work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const timeUp = new Promise<never>((_, reject) => {
    timer = setTimeout(
      () => reject(new Error('its name is not resolved in time')),
      Math.max(0, Math.min(leftMs, timeoutMs)),
    );
  });
  return Promise.race([work, timeUp]).finally(() => clearTimeout(timer));
}

/** host:port, an IPv6 address in brackets. */
function nameOf({ host, port }: Server): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}
