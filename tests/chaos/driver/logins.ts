import { setTimeout as sleep } from 'node:timers/promises';
import type { History, Login } from '../history.ts';
import type { Caller } from './caller.ts';
import type { InboxCodes } from './inbox-codes.ts';

export interface Person {
  userId: string;
  username: string;
  phone: string;
  /** The code of this moment. */
  totp: (now: number) => string;
}

export interface LoginsOptions {
  caller: Caller;
  codes: InboxCodes;
  history: History;
  /** Ms since the run began. */
  clock: () => number;
  random: () => number;
}

/** A text takes its way through a queue and, when the sender was killed, through a second one. */
const SMS_WITHIN_MS = 30_000;
const LONGEST_WAIT_S = 20;
/** Of an approval that was acknowledged elsewhere; its wake-up may be lost with a machine, and the state is read again every 3 s. */
const TOLD_WITHIN_MS = 5000;
/** Of the logins that were let in, so many have their code sent again. */
const REPLAY_SHARE = 0.25;
const REPLAY_WITHIN_MS = 25_000;

type Outcome = Pick<Login, 'isIn' | 'challengeId' | 'accepted' | 'reason'>;
type Kind = Login['kind'];

/** Logins as people make them, each told to the history; and codes sent again, which must never let in. */
export class Logins {
  readonly #options: LoginsOptions;
  readonly #later = new Set<Promise<void>>();

  constructor(options: LoginsOptions) {
    this.#options = options;
  }

  async run(login: number, kind: Kind, person: Person, dueAt: number): Promise<void> {
    const { history, clock, random } = this.#options;
    history.begun({ what: 'login', number: login });
    const outcome = await this.#log(login, kind, person).catch((error: unknown) => refused(String(error)));
    const ms = Math.round(clock() - dueAt);
    const { userId } = person;
    history.login({ login, kind, userId, dueAt: Math.round(dueAt), ms, ...outcome });
    if (outcome.isIn && random() < REPLAY_SHARE) {
      const replay = this.#replay(login, kind, person, outcome).catch(() => undefined);
      this.#later.add(replay);
      void replay.finally(() => this.#later.delete(replay));
    }
  }

  /** Resolves when every replay was sent. */
  async settled(): Promise<void> {
    while (this.#later.size > 0) await Promise.all(this.#later);
  }

  async #log(login: number, kind: Kind, person: Person): Promise<Outcome> {
    const { caller, codes } = this.#options;
    const method = kind === 'totp' ? 'totp' : 'sms';
    if (method === 'sms') codes.expect(person.phone);
    const started = await caller.ask({ login, what: 'start' }, 'POST', '/v1/challenges', {
      username: person.username,
      method,
    });
    const { challengeId } = started.body;
    if (started.status !== 201 || typeof challengeId !== 'string') return refused(`start ${started.status}`);
    const code = method === 'totp' ? person.totp(Date.now()) : await codes.next(person.phone, SMS_WITHIN_MS);
    if (code === undefined) return { ...refused('no text came'), challengeId };
    return kind === 'wait' ? this.#waited(login, challengeId, code) : this.#verified(login, challengeId, code);
  }

  async #verified(login: number, challengeId: string, code: string): Promise<Outcome> {
    const path = `/v1/challenges/${challengeId}/verify`;
    const { status, body } = await this.#options.caller.ask({ login, what: 'verify' }, 'POST', path, { code });
    if (status === 200 && body['state'] === 'approved') return { isIn: true, challengeId, accepted: code };
    return { ...refused(`verify ${status}${typeof body['code'] === 'string' ? ` ${body['code']}` : ''}`), challengeId };
  }

  /** One page waits while the code is typed into another. The waiting one is asked again while it hears "pending". */
  async #waited(login: number, challengeId: string, code: string): Promise<Outcome> {
    const { caller, clock } = this.#options;
    const verification = { endedAt: Infinity };
    const waiting = (async () => {
      for (;;) {
        const path = `/v1/challenges/${challengeId}?wait=${LONGEST_WAIT_S}`;
        const { status, body } = await caller.ask(
          { login, what: 'wait' },
          'GET',
          path,
          undefined,
          LONGEST_WAIT_S * 1000,
        );
        if (status !== 200) return `wait ${status}`;
        if (body['state'] !== 'pending') return body['state'] === 'approved' ? undefined : String(body['state']);
        if (clock() > verification.endedAt + TOLD_WITHIN_MS) return 'nobody told the one that waited';
      }
    })();
    await sleep(50 + 200 * this.#options.random());
    const verifying = this.#verified(login, challengeId, code).finally(() => (verification.endedAt = clock()));
    const [reason, verified] = await Promise.all([waiting, verifying]);
    return reason === undefined || !verified.isIn ? verified : { ...refused(reason), challengeId, accepted: code };
  }

  async #replay(login: number, kind: Kind, person: Person, { challengeId, accepted }: Outcome): Promise<void> {
    const { caller, history, clock, random } = this.#options;
    if (challengeId === undefined || accepted === undefined) return;
    await sleep(random() * REPLAY_WITHIN_MS);
    const about = { login, what: 'replay' } as const;
    let sentTo = challengeId;
    if (kind === 'totp') {
      const { body } = await caller.ask(about, 'POST', '/v1/challenges', { username: person.username, method: 'totp' });
      if (typeof body['challengeId'] !== 'string') return;
      sentTo = body['challengeId'];
    }
    const at = Math.round(clock());
    const { status } = await caller.ask(about, 'POST', `/v1/challenges/${sentTo}/verify`, { code: accepted });
    const { userId } = person;
    history.replay({ login, at, userId, challengeId, sentTo, code: accepted, isIn: status === 200 });
  }
}

function refused(reason: string): Outcome {
  return { isIn: false, reason };
}
