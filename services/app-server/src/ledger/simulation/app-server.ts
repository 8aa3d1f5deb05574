import { addressOfChallenge, MfaError, type Policy } from '@countersign/contracts';
import { cancel } from '../../challenge/cancel.ts';
import type { UserEvent } from '../../challenge/events.ts';
import { get } from '../../challenge/get.ts';
import { resend } from '../../challenge/resend.ts';
import { start, type StartDependencies } from '../../challenge/start.ts';
import { verify } from '../../challenge/verify.ts';
import type { UserState } from '../../challenge/state.ts';
import type { AuthorisedRequest } from '../../application/authorise.ts';
import type { LoginAuthenticator } from '../../user/store.ts';
import { LedgerContinuity, type ContinuityDependencies } from '../continuity.ts';
import { Ledger, type LedgerDependencies } from '../ledger.ts';
import { LedgerWatch, WATCH_EVERY_MS } from '../watch.ts';
import type { Answer, Asked } from './history.ts';
import { LogConnection, type NetworkFaults, type StreamModel } from './log-model.ts';
import type { MemoryModel } from './memory-model.ts';
import type { PeersModel } from './peers-model.ts';
import type { SeededRandom } from './random.ts';
import type { Scheduler } from './scheduler.ts';
import { APPLICATIONS, RING, type Person } from './world.ts';

/** Nobody is told to stop while they work for a caller; they leave, or are killed. */
const NEVER = new AbortController().signal;

/** What a variant that is known to be wrong puts in place of the real thing. */
export interface Variant {
  name: string;
  ledger: (deps: LedgerDependencies & { log: LogConnection }) => Pick<Ledger, 'act' | 'peek'>;
  continuity: (deps: ContinuityDependencies) => LedgerContinuity;
}

export const REAL: Variant = {
  name: 'as it is',
  ledger: (deps) => new Ledger(deps),
  continuity: (deps) => new LedgerContinuity(deps),
};

/** Where one schedule takes place. */
export interface Surroundings {
  scheduler: Scheduler;
  random: SeededRandom;
  stream: StreamModel;
  peers: PeersModel;
  memory: MemoryModel;
  faults: NetworkFaults;
  policy: Policy;
  people: readonly Person[];
  variant: Variant;
  projected: (userId: string) => UserState | undefined;
  highestProjected: () => number;
  deliver: (message: { challengeId: string; userId: string; code: string; wanted: boolean }) => void;
  note: (line: () => string) => void;
}

/**
 * One process: the real ledger, watch and use cases, on a clock that is off by up to two seconds. It can be killed between any
 * two steps, stopped for a while (SIGSTOP), and asked to leave (SIGTERM).
 */
export class AppServer {
  readonly name: string;
  readonly connection: LogConnection;
  readonly continuity: LedgerContinuity;
  readonly watch: LedgerWatch;
  isAlive = true;
  /** Takes nothing new. */
  isLeaving = false;
  #inFlight = 0;
  #frozenUntil = 0;
  readonly #clockMs: number;
  readonly #ledger: Pick<Ledger, 'act' | 'peek'>;
  readonly #around: Surroundings;

  /** @param name of this run: one that is started again has another. */
  constructor(name: string, clockMs: number, around: Surroundings) {
    const { scheduler, random, stream, faults, variant } = around;
    this.name = name;
    this.#clockMs = clockMs;
    this.#around = around;
    this.connection = new LogConnection(stream, { scheduler, random, faults, resume: this.resume });
    const uptime = () => scheduler.now;
    this.continuity = variant.continuity({
      now: this.now,
      uptime,
      onLoss: (reason) => {
        around.note(() => `${name} raises the floor: loss ${reason}`);
        this.watch.tell();
      },
    });
    this.watch = new LedgerWatch({
      run: name,
      continuity: this.continuity,
      peers: around.peers.of(this),
      memory: around.memory.of(this),
      stream: () => this.connection.standing(),
      highestProjected: () => Promise.resolve(around.highestProjected()),
      uptime,
      sleep: this.sleep,
      onProblem: () => {},
    });
    this.#ledger = variant.ledger({
      log: this.connection,
      continuity: this.continuity,
      projected: (userId) => Promise.resolve(around.projected(userId)),
      replica: name,
      now: this.now,
      random: random.next,
      sleep: this.sleep,
    });
  }

  readonly now = (): number => this.#around.scheduler.now + this.#clockMs;

  /** Goes on when the process runs, and never when it was killed. */
  readonly resume = (next: () => void): void => {
    const { scheduler } = this.#around;
    if (!this.isAlive) return;
    if (scheduler.now < this.#frozenUntil) scheduler.after(this.#frozenUntil - scheduler.now, () => this.resume(next));
    else next();
  };

  readonly sleep = (ms: number): Promise<void> => {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#around.scheduler.after(ms, () => this.resume(resolve));
    return promise;
  };

  freeze(ms: number): void {
    this.#frozenUntil = this.#around.scheduler.now + ms;
  }

  get isFrozen(): boolean {
    return this.#around.scheduler.now < this.#frozenUntil;
  }

  start(): void {
    void this.watch.start();
    const again = () => {
      if (!this.isAlive) return;
      this.resume(() => void this.watch.watch());
      this.#around.scheduler.after(WATCH_EVERY_MS, again);
    };
    again();
  }

  kill(): void {
    this.isAlive = false;
    this.connection.break();
  }

  /** Ends what it has begun, then stops. */
  async leave(): Promise<void> {
    this.isLeaving = true;
    while (this.#inFlight > 0) await this.sleep(10);
    await this.watch.leave();
    this.kill();
  }

  disconnect(): void {
    this.connection.break();
    this.resume(() => this.watch.doubt());
  }

  reconnect(): void {
    if (!this.isAlive) return;
    this.connection.open();
    this.resume(() => void this.watch.reconnected());
  }

  /** @throws whatever the use case throws. */
  async handle(asked: Asked, deadline: number, admin?: UserEvent): Promise<Answer> {
    this.#inFlight += 1;
    return this.#handle(asked, deadline, admin).finally(() => (this.#inFlight -= 1));
  }

  async #handle(asked: Asked, deadline: number, admin?: UserEvent): Promise<Answer> {
    const { people, policy } = this.#around;
    const application = APPLICATIONS.find(({ applicationId }) => applicationId === asked.applicationId);
    if (application === undefined) throw new MfaError('UNAUTHENTICATED');
    const request = {
      application,
      attemptId: asked.attemptId,
      deadline,
      traceId: undefined,
      stopping: NEVER,
    } as unknown as AuthorisedRequest;
    const deps = this.#dependencies(policy, people);
    const { challengeId = '', code = '' } = asked;
    if (asked.operation === 'admin' && admin !== undefined) {
      await this.#ledger.act(asked.userId, asked.attemptId, () => ({ append: admin }), { deadline });
      return { type: 'done' };
    }
    if (asked.operation === 'start') {
      const username = people.find(({ user }) => user.userId === asked.userId)?.user.username ?? '';
      const [method, device] = code.split(' ');
      const input = {
        username,
        method: method as 'totp' | 'sms',
        ...(device !== undefined && { context: { device } }),
      };
      const { challengeId: id, method: by, result, state } = await start(deps, input, request);
      return result === undefined
        ? { type: 'state', challengeId: id, state }
        : { type: 'allow', challengeId: id, method: by };
    }
    if (asked.operation === 'verify') {
      const { method } = await verify(deps, { challengeId, code }, request);
      return { type: 'allow', challengeId, method };
    }
    if (asked.operation === 'cancel') {
      const { state } = await cancel(deps, { challengeId }, request);
      return { type: 'state', challengeId, state };
    }
    if (asked.operation === 'get') {
      const { state } = await get(deps, { challengeId }, request);
      return { type: 'state', challengeId, state };
    }
    await resend(deps, { challengeId }, request);
    return { type: 'done' };
  }

  #dependencies(policy: Policy, people: readonly Person[]) {
    const { deliver, random } = this.#around;
    const find = (matches: (person: Person) => boolean) => Promise.resolve(people.find(matches)?.user);
    const tokenOf = ({ authenticatorId }: LoginAuthenticator) =>
      people.find(({ user }) => user.authenticators[0]?.authenticatorId === authenticatorId)?.token;
    return {
      ledger: this.#ledger,
      continuity: this.continuity,
      ring: RING,
      now: this.now,
      randomBytes: (count: number) => Buffer.from(Array.from({ length: count }, () => random.between(0, 255))),
      users: {
        byId: (userId: string) => find(({ user }) => user.userId === userId),
        byName: (name: string) => find(({ user }) => user.username === name),
        phoneNumber: () => '+37120000012',
        totpParameters: tokenOf,
      },
      policies: { effective: () => policy },
      signer: { sign: () => Promise.resolve('signed') },
      wake: { publish: () => {}, subscribe: () => ({ next: () => this.sleep(1000), [Symbol.dispose]: () => {} }) },
      wakePhones: { of: () => {}, hintFor: () => '' },
      trail: { record: () => Promise.resolve() },
      budgets: { reserve: () => Promise.resolve({ ok: true }) },
      dispatcher: {
        hand: ({
          challengeId,
          userId,
          code,
          phone,
        }: {
          challengeId: string;
          userId: string;
          code: string;
          phone?: string;
        }) => {
          deliver({ challengeId, userId, code, wanted: phone !== undefined });
          return Promise.resolve();
        },
      },
    } as unknown as StartDependencies & Parameters<typeof verify>[0] & Parameters<typeof get>[0];
  }
}

/** Whose challenge it is. */
export function userOf(challengeId: string): string {
  return addressOfChallenge(challengeId)?.userId ?? '';
}
