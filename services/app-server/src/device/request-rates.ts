import { MfaError } from '@countersign/contracts';
import { bounded } from '../user/login-users.ts';

/** So many in a row, and one more each time so long has passed. */
interface Rate {
  burst: number;
  refillMs: number;
}

/**
 * What one phone may ask of one app-server. A good one polls every 25 s, and asks a few times more when it is woken, answers or loses its
 * network; so it never meets this. Each request leaves a nonce in memory for 300 s, of some 250 bytes: 360 of them, 90 KiB, is all
 * that one phone has there of each app-server.
 */
const REQUESTS_IN_A_ROW = 60;
const REQUEST_EVERY_MS = 1000;
/** Of these, what changes the device, and leaves a row in the audit: at most 1,450 in a day. */
const CHANGES_IN_A_ROW = 10;
const CHANGE_EVERY_MS = 60_000;

/**
 * Phones of which it is remembered, as many as those whose keys are (devices.ts). Of what changes one apart: whoever is forgotten begins anew,
 * and all phones that poll would have one that floods forgotten within seconds.
 */
const MOST_PHONES = 50_000;

const REQUESTS: Rate = { burst: REQUESTS_IN_A_ROW, refillMs: REQUEST_EVERY_MS };
const CHANGES: Rate = { burst: CHANGES_IN_A_ROW, refillMs: CHANGE_EVERY_MS };

/**
 * How often phones ask this app-server. In its memory, since what it guards is memory and disk, a fixed share of each app-server, and no
 * secret: a write for each request of each phone would cost more than it saves. Of phones only whose signature is right, or whoever knows the
 * name of a key could silence its owner.
 */
export class RequestRates {
  readonly #uptime: () => number;
  /** By device: when all of the burst is there again, ms of `uptime` (GCRA). The one that asked longest ago is forgotten first. */
  readonly #requests = new Map<string, number>();
  readonly #changes = new Map<string, number>();

  /** @param uptime ms, from a clock that is never set: one that is set back would keep phones waiting for as long. */
  constructor(uptime: () => number) {
    this.#uptime = uptime;
  }

  /** @throws MfaError TRY_LATER, and nothing is spent. */
  request(deviceId: string): void {
    this.#take(this.#requests, deviceId, REQUESTS);
  }

  /** @throws MfaError TRY_LATER, and nothing is spent. */
  change(deviceId: string): void {
    this.#take(this.#changes, deviceId, CHANGES);
  }

  #take(fullAts: Map<string, number>, deviceId: string, { burst, refillMs }: Rate): void {
    const now = this.#uptime();
    const fullAt = Math.max(fullAts.get(deviceId) ?? 0, now) + refillMs;
    const waitMs = fullAt - now - burst * refillMs;
    if (waitMs > 0) {
      throw new MfaError('TRY_LATER', { retryAfterSeconds: Math.ceil(waitMs / 1000), reason: 'requests of one phone' });
    }
    bounded(fullAts, deviceId, fullAt, MOST_PHONES);
  }
}
