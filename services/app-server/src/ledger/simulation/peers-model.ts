import type { Peers, PeerView } from '../watch.ts';
import type { AppServer } from './app-server.ts';
import type { SeededRandom } from './random.ts';
import type { Scheduler } from './scheduler.ts';

/** What of this is lost although both ends are connected. */
const LOST = 0.02;

/** How app-servers hear of each other: late, out of order, sometimes not at all, and never while they are not connected. */
export class PeersModel {
  readonly #scheduler: Scheduler;
  readonly #random: SeededRandom;
  readonly #running: () => readonly AppServer[];

  constructor(scheduler: Scheduler, random: SeededRandom, running: () => readonly AppServer[]) {
    this.#scheduler = scheduler;
    this.#random = random;
    this.#running = running;
  }

  of(server: AppServer): Peers {
    return {
      ask: async (by, withinMs) => {
        const views: PeerView[] = [];
        for (const other of this.#othersThan(server)) {
          this.#deliver(server, other, this.#random.between(1, 100), () => {
            const view = other.watch.asked(by);
            if (view !== undefined)
              this.#deliver(other, server, this.#random.between(1, 100), () => void views.push(view));
          });
        }
        await server.sleep(withinMs);
        return [...views];
      },
      tell: (view) => {
        for (const other of this.#othersThan(server)) {
          const delayMs = this.#random.chance(0.1) ? this.#random.between(100, 3000) : this.#random.between(1, 20);
          this.#deliver(server, other, delayMs, () => other.watch.hear(view));
        }
      },
    };
  }

  #othersThan(server: AppServer): readonly AppServer[] {
    return this.#running().filter((other) => other !== server);
  }

  #deliver(from: AppServer, to: AppServer, delayMs: number, arrive: () => void): void {
    if (!from.connection.isOpen || this.#random.chance(LOST)) return;
    this.#scheduler.after(delayMs, () => {
      if (to.connection.isOpen) to.resume(arrive);
    });
  }
}
