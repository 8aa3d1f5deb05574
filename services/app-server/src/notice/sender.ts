import { setTimeout as sleep } from 'node:timers/promises';
import { MfaError, type Policy } from '@countersign/contracts';
import type { Trail } from '../audit/trail.ts';
import type { Router } from '../database/router.ts';
import type { SendBudgets } from '../dispatch/budget.ts';
import type { Dispatcher } from '../dispatch/queue.ts';
import { plainName } from '../dispatch/render.ts';
import { fillText } from '../dispatch/texts.ts';
import { SealBroken, type KeyRing } from '../keys/ring.ts';
import { sealedAt } from '../user/login-users.ts';
import type { Mailer } from './mail.ts';
import { dropOlder, isAnyDue, putOff, settle, takeDue, type Notice, type NoticeChannel } from './store.ts';
import { noticeTexts } from './texts.ts';

export interface NoticeDependencies {
  router: Router;
  ring: Pick<KeyRing, 'open'>;
  budgets: SendBudgets;
  dispatcher: Dispatcher;
  /** Undefined: nobody gets mail from this replica. */
  mailer: Mailer | undefined;
  /** The global policy: notices are about the person, not about an application. */
  policy: () => Policy;
  trail: Trail;
  now: () => number;
  onProblem: (error: unknown) => void;
}

type Outcome =
  | { outcome: 'sent' | 'off' }
  | { outcome: 'refused'; reason: string }
  | { outcome: 'later'; reason: string; afterMs?: number };

const LOOK_EVERY_MS = 2000;
const MOST_AT_ONCE = 10;
/** Longer than the slowest mail server is waited for. */
const LEASE_MS = 120_000;
const FIRST_PAUSE_MS = 30_000;
const LONGEST_PAUSE_MS = 3_600_000;
/** Later than that it frightens more than it helps. */
const GIVE_UP_AFTER_MS = 24 * 3_600_000;
/** In the dispatch queue: as long as that keeps anything. */
const MESSAGE_LIFE_MS = 15 * 60_000;

/**
 * Tells people what changed about their factors, from rows that the changes left (record.ts), together with all other replicas.
 *
 * At least once: a replica that dies between sending and settling leaves the row to another, after the lease. A text message is then still
 * sent once, since its id stays the same and the dispatch queue knows it for a quarter of an hour, and dispatch sends no id more than twice;
 * a mail may come twice, under one Message-ID. What the budgets do not let through waits, and so does what a server did not take; after a
 * day, and where it can never arrive, `notice.failed` is in the audit.
 */
export class NoticeSender {
  readonly #deps: NoticeDependencies;
  readonly #stopping = new AbortController();
  readonly #loops: Promise<void>[] = [];

  constructor(deps: NoticeDependencies) {
    this.#deps = deps;
  }

  start(): void {
    this.#loops.push(this.#keepSending('sms'), this.#keepSending('mail'));
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await Promise.all(this.#loops);
  }

  /** @returns how many were taken up. @throws MfaError PRIMARY_UNAVAILABLE, UNAVAILABLE. */
  async sendDue(channel: NoticeChannel): Promise<number> {
    const { router, mailer, now } = this.#deps;
    if (channel === 'mail' && mailer === undefined) return this.#dropUnsendable();
    if (!(await router.read((db) => isAnyDue(db, channel, now())))) return 0;
    const take = { channel, most: MOST_AT_ONCE, leaseMs: LEASE_MS, now: now() };
    const taken = await router.write((db) => takeDue(db, take), { visible: false });
    await Promise.all(taken.map((notice) => this.#send(channel, notice).catch(this.#deps.onProblem)));
    return taken.length;
  }

  async #keepSending(channel: NoticeChannel): Promise<void> {
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      const taken = await this.sendDue(channel).catch((error: unknown) => {
        this.#deps.onProblem(error);
        return 0;
      });
      if (taken === 0) await sleep(LOOK_EVERY_MS, undefined, { signal }).catch(() => undefined);
    }
  }

  /** Another replica may have a mail server; when none had for a day, nobody is told by mail. */
  async #dropUnsendable(): Promise<number> {
    const { router, now } = this.#deps;
    const before = now() - GIVE_UP_AFTER_MS - LEASE_MS;
    if (!(await router.read((db) => isAnyDue(db, 'mail', before)))) return 0;
    await router.write((db) => dropOlder(db, 'mail', before), { visible: false });
    return 0;
  }

  async #send(channel: NoticeChannel, notice: Notice): Promise<void> {
    const { router, trail, now } = this.#deps;
    const { noticeId, userId, kind } = notice;
    const outcome = this.#deps.policy().notices[channel] ? await this.#attempt(notice) : ({ outcome: 'off' } as const);
    const dueAt =
      outcome.outcome === 'later' ? now() + Math.min(outcome.afterMs ?? pauseMs(notice.tries), LONGEST_PAUSE_MS) : 0;
    if (outcome.outcome === 'later' && dueAt - notice.createdAt <= GIVE_UP_AFTER_MS) {
      await router.write((db) => putOff(db, noticeId, dueAt), { visible: false });
      return;
    }
    const isFailed = outcome.outcome === 'refused' || outcome.outcome === 'later';
    const detail = { noticeId, kind };
    const row = { at: now(), attemptId: noticeId, userId, method: channel, detail };
    if (isFailed) await trail.record({ ...row, type: 'notice.failed', reason: outcome.reason });
    // A text message has been handed over, and says itself what becomes of it.
    else if (outcome.outcome === 'sent')
      await trail.record({ ...row, type: channel === 'mail' ? 'notice.sent' : 'notice.handed' });
    await router.write((db) => settle(db, noticeId), { visible: false });
  }

  async #attempt(notice: Notice): Promise<Outcome> {
    const { kind, language } = notice;
    const texts = noticeTexts(kind, language);
    // Of a newer build, which has replicas that know it.
    if (texts === undefined) return { outcome: 'later', reason: 'unknown kind' };
    try {
      return notice.phone === undefined
        ? await this.#mail(notice, texts)
        : await this.#text(notice, notice.phone, texts);
    } catch (error) {
      if (error instanceof MfaError || error instanceof SealBroken) {
        this.#deps.onProblem(error);
        return { outcome: 'later', reason: error instanceof MfaError ? error.code : 'sealed' };
      }
      throw error;
    }
  }

  async #text(
    { noticeId, userId, language }: Notice,
    phone: NonNullable<Notice['phone']>,
    { sentence }: { sentence: string },
  ): Promise<Outcome> {
    const { ring, budgets, dispatcher, policy, now } = this.#deps;
    const { messages, totp } = policy();
    const place = sealedAt({ authenticatorId: phone.authenticatorId, type: 'phone' });
    const number = Buffer.from(ring.open(phone.sealed, place)).toString('utf8');
    const reserved = await budgets.reserve({ notice: number }, messages, now());
    if (!reserved.ok) {
      const { reason, retryAfterSeconds } = reserved;
      if (reason === 'destination_special' || reason === 'destination_not_allowed')
        return { outcome: 'refused', reason };
      return { outcome: 'later', reason, afterMs: retryAfterSeconds * 1000 };
    }
    await dispatcher.hand({
      messageId: `notice:${noticeId}`,
      channel: 'sms',
      phone: number,
      code: '',
      application: totp.issuer,
      language,
      originHost: null,
      texts: {},
      text: sentence,
      carriers: messages.carriers,
      limits: messages,
      expiresAt: now() + MESSAGE_LIFE_MS,
      userId,
    });
    return { outcome: 'sent' };
  }

  async #mail(
    { noticeId, userId, username, mail, createdAt }: Notice,
    texts: { sentence: string; subject: string; account: string; time: string },
  ): Promise<Outcome> {
    const { mailer, policy, budgets, now } = this.#deps;
    if (mailer === undefined) return { outcome: 'later', reason: 'no mail server' };
    if (mail === undefined) return { outcome: 'refused', reason: 'no address' };
    const reserved = await budgets.reserve({ mail: userId }, policy().messages, now());
    if (!reserved.ok) return { outcome: 'later', reason: reserved.reason, afterMs: reserved.retryAfterSeconds * 1000 };
    const application = plainName(policy().totp.issuer);
    const time = `${new Date(createdAt).toISOString().slice(0, 16).replace('T', ' ')} UTC`;
    const outcome = await mailer.send({
      to: mail,
      subject: fillText(texts.subject, { application }),
      text: `${fillText(texts.sentence, { application })}\n\n${texts.account}: ${plainName(username)}\n${texts.time}: ${time}\n`,
      id: noticeId,
    });
    if (outcome.outcome === 'sent') return outcome;
    return { outcome: outcome.outcome === 'refused' ? 'refused' : 'later', reason: outcome.reason };
  }
}

function pauseMs(tries: number): number {
  return FIRST_PAUSE_MS * 2 ** Math.min(tries - 1, 10);
}
