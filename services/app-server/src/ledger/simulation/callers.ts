import { MfaError } from '@countersign/contracts';
import type { UserEvent } from '../../challenge/events.ts';
import type { AppServer } from './app-server.ts';
import type { Answer, Asked, History } from './history.ts';
import type { SeededRandom } from './random.ts';
import type { Scheduler } from './scheduler.ts';

export interface CallFaults {
  /** The request or its answer is lost. */
  lost: number;
  /** A second replica gets the request as well. */
  twice: number;
  /** A copy arrives seconds later. */
  late: number;
}

/** How long a caller waits for one replica before it asks another. */
const SILENCE_MS = 1200;
/** How long a caller waits in all. */
export const DEADLINE_MS = 8000;

/** What an edge does with a request: ask some app-server, and another when it is silent, under the same attemptId. */
export class Callers {
  #attempts = 0;
  readonly #servers: () => readonly AppServer[];
  readonly #scheduler: Scheduler;
  readonly #random: SeededRandom;
  readonly #faults: CallFaults;
  readonly #history: History;

  constructor(
    servers: () => readonly AppServer[],
    {
      scheduler,
      random,
      faults,
      history,
    }: { scheduler: Scheduler; random: SeededRandom; faults: CallFaults; history: History },
  ) {
    this.#servers = servers;
    this.#scheduler = scheduler;
    this.#random = random;
    this.#faults = faults;
    this.#history = history;
  }

  /** @param at the server to ask first; any unless given. @returns undefined when nobody answered in time. */
  call(
    what: Omit<Asked, 'attemptId' | 'sentAt'>,
    options: { at?: AppServer; admin?: UserEvent } = {},
  ): Promise<Answer | undefined> {
    const scheduler = this.#scheduler;
    const asked: Asked = { ...what, attemptId: `attempt-${++this.#attempts}`, sentAt: scheduler.now };
    const deadline = scheduler.now + DEADLINE_MS;
    this.#history.note(() => `${asked.attemptId} asks ${describe(asked)}`);
    const { promise, resolve } = Promise.withResolvers<Answer | undefined>();
    let isOver = false;
    const heard = (answer: Answer, replica: string) => {
      if (isOver) return;
      isOver = true;
      this.#history.heard.push({ asked, at: scheduler.now, replica, answer });
      this.#history.note(() => `${asked.attemptId} hears ${JSON.stringify(answer)} from ${replica}`);
      resolve(answer);
    };
    const ask = (server: AppServer) => {
      if (isOver) return;
      this.#send(server, asked, deadline, heard, options.admin);
      scheduler.after(SILENCE_MS, () => ask(this.#random.pick(this.#servers())));
    };
    ask(options.at ?? this.#random.pick(this.#servers()));
    scheduler.after(DEADLINE_MS, () => {
      isOver = true;
      resolve(undefined);
    });
    return promise;
  }

  #send(
    server: AppServer,
    asked: Asked,
    deadline: number,
    heard: (answer: Answer, replica: string) => void,
    admin: UserEvent | undefined,
  ): void {
    const random = this.#random;
    const { lost, twice, late } = this.#faults;
    const arrive = (at: AppServer, afterMs: number) =>
      this.#scheduler.after(afterMs, () => at.resume(() => void this.#serve(at, asked, deadline, heard, admin)));
    if (!random.chance(lost)) arrive(server, random.between(1, 10));
    if (random.chance(twice)) arrive(random.pick(this.#servers()), random.between(1, 30));
    if (random.chance(late)) arrive(random.pick(this.#servers()), random.between(500, DEADLINE_MS));
  }

  async #serve(
    server: AppServer,
    asked: Asked,
    deadline: number,
    heard: (answer: Answer, replica: string) => void,
    admin: UserEvent | undefined,
  ): Promise<void> {
    // Work past its deadline is not begun; the deadline counts by the server's own clock.
    if (!server.isAlive || server.isLeaving || this.#scheduler.now > deadline) return;
    const answer = await server.handle(asked, server.now() + deadline - this.#scheduler.now, admin).catch(refused);
    if (!server.isAlive || this.#random.chance(this.#faults.lost)) return;
    this.#scheduler.after(this.#random.between(1, 10), () => heard(answer, server.name));
  }
}

function refused(error: unknown): Answer {
  if (error instanceof MfaError) return { type: 'refused', code: error.code, reason: error.reason };
  throw error;
}

function describe({ operation, userId, challengeId, code }: Asked): string {
  return [operation, `user ${userId.slice(0, 2)}`, challengeId?.slice(22, 28), code].filter(Boolean).join(' ');
}
