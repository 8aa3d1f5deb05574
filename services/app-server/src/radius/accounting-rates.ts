import { MfaError } from '@countersign/contracts';
import type { Logger, Metrics } from '@countersign/telemetry';
import { bounded } from '../user/login-users.ts';
import { ACCOUNTING_REFUSED } from './metrics.ts';

/**
 * What one client may have one app-server write of its accounting: that all the people behind a gateway come in the morning, or lose it at
 * once, is a burst; after that 4,320 sessions may begin and end in a day. In 30 days that is 260,000 rows of some 750 bytes, a fifth of
 * what the trail has room for, whatever the client sends.
 */
const RECORDS_IN_A_ROW = 2000;
const RECORD_EVERY_MS = 10_000;
/** More than anybody has; those that were taken off the list are forgotten so. */
const MOST_CLIENTS = 10_000;
const TOLD_EVERY_MS = 60_000;

interface Written {
  /** When all of the burst is there again, ms of `uptime` (GCRA). */
  fullAt: number;
  /** Not kept since it was told. */
  refused: number;
  toldAt: number;
}

/**
 * How much accounting this app-server writes of each client. The trail holds refusals as well, and keeps nothing new once it is full: so none
 * may have more than its share. In memory, since what it guards is room on a disk, a fixed share for each app-server, and no secret.
 */
export class AccountingRates {
  readonly #uptime: () => number;
  readonly #logger: Pick<Logger, 'warn'>;
  readonly #refused: { inc: () => void };
  readonly #byClient = new Map<string, Written>();

  /** @param deps.uptime ms, from a clock that is never set. */
  constructor(deps: { uptime: () => number; logger: Pick<Logger, 'warn'>; metrics: Pick<Metrics, 'counter'> }) {
    this.#uptime = deps.uptime;
    this.#logger = deps.logger;
    const refused = deps.metrics.counter(ACCOUNTING_REFUSED);
    this.#refused = { inc: () => refused.inc() };
  }

  /** @throws MfaError TRY_LATER, and nothing is spent. It is counted, and logged once a minute for each client. */
  take(clientId: string): void {
    const now = this.#uptime();
    const { fullAt, refused, toldAt } = this.#byClient.get(clientId) ?? { fullAt: now, refused: 0, toldAt: -Infinity };
    const next = Math.max(fullAt, now) + RECORD_EVERY_MS;
    const waitMs = next - now - RECORDS_IN_A_ROW * RECORD_EVERY_MS;
    if (waitMs <= 0) {
      bounded(this.#byClient, clientId, { fullAt: next, refused, toldAt }, MOST_CLIENTS);
      return;
    }
    this.#refused.inc();
    const isTold = now - toldAt >= TOLD_EVERY_MS;
    if (isTold) this.#tell(clientId, refused + 1);
    const told = isTold ? { refused: 0, toldAt: now } : { refused: refused + 1, toldAt };
    bounded(this.#byClient, clientId, { fullAt, ...told }, MOST_CLIENTS);
    throw new MfaError('TRY_LATER', {
      retryAfterSeconds: Math.ceil(waitMs / 1000),
      reason: 'accounting of one client',
    });
  }

  #tell(clientId: string, refused: number): void {
    const detail = `${refused} not kept and not answered. It sends more than the audit takes: set accounting to sessions, or to none.`;
    this.#logger.warn('radius.accounting_refused', { clientId, detail });
  }
}
