import type { AppServer, Surroundings } from './app-server.ts';
import type { StreamModel } from './log-model.ts';
import type { SeededRandom } from './random.ts';
import type { Scheduler } from './scheduler.ts';

export const FLAGS = {
  expectPeers: false,
  look: false,
  answerInDoubt: false,
  aloneIsLoss: false,
  projectedIsMark: true,
};

interface View {
  name: string;
  floor: { at: number };
  highest: number;
  proven: boolean;
}

export class Watch {
  readonly #server: AppServer;
  readonly #cluster: () => readonly { server: AppServer; watch: Watch }[];
  readonly #scheduler: Scheduler;
  readonly #random: SeededRandom;
  readonly #stream: StreamModel;
  readonly #projected: () => number;
  #heard = new Map<string, number>();
  #expected: string[] | undefined;
  #atStart = true;
  #proving = false;
  #everProven = false;
  constructor(
    server: AppServer,
    cluster: () => readonly { server: AppServer; watch: Watch }[],
    { scheduler, random, stream }: Surroundings,
    projected: () => number,
  ) {
    this.#server = server;
    this.#cluster = cluster;
    this.#scheduler = scheduler;
    this.#random = random;
    this.#stream = stream;
    this.#projected = projected;
    this.#tick();
  }
  #tick = (): void => {
    if (!this.#server.isAlive) return;
    this.#server.resume(() => {
      const { continuity } = this.#server;
      if (continuity.isProven()) {
        if (FLAGS.look) {
          if (!this.#server.connection.isOpen || !this.#stream.isUp) this.doubt();
          else {
            const before = continuity.highest();
            const last = this.#stream.lastSequence;
            this.#scheduler.after(this.#random.between(1, 200), () =>
              this.#server.resume(() => {
                if (continuity.isProven()) {
                  if (last < before) continuity.lost();
                  else continuity.hear(continuity.floor(), last);
                }
              }),
            );
          }
        }
        this.tell();
      } else void this.prove();
    });
    this.#scheduler.after(1000, this.#tick);
  };
  doubt(): void {
    this.#server.continuity.doubt();
    this.#expected ??= [...this.#heard].filter(([, at]) => this.#scheduler.now - at < 15_000).map(([name]) => name);
  }
  broke(): void {
    this.#server.resume(() => this.doubt());
  }
  reopened(): void {
    this.#server.resume(() => {
      this.doubt();
      void this.prove();
    });
  }
  view(): View {
    const { name, continuity } = this.#server;
    return { name, floor: continuity.floor(), highest: continuity.highest(), proven: continuity.isProven() };
  }
  tell(): void {
    const view = this.view();
    if (!this.#server.connection.isOpen) return;
    for (const { server, watch } of this.#cluster()) {
      if (server === this.#server) continue;
      const delay = this.#random.chance(0.1) ? this.#random.between(100, 3000) : this.#random.between(1, 20);
      this.#scheduler.after(delay, () => {
        if (server.connection.isOpen) server.resume(() => watch.hear(view));
      });
    }
  }
  hear(view: View): void {
    if (view.proven) this.#heard.set(view.name, this.#scheduler.now);
    this.#server.continuity.hear(view.floor, view.highest);
  }
  async prove(): Promise<void> {
    if (this.#proving || !this.#server.connection.isOpen) return;
    this.#proving = true;
    const { continuity } = this.#server;
    const answers: View[] = [];
    for (const { server, watch } of this.#cluster()) {
      if (server === this.#server || !server.connection.isOpen || this.#random.chance(0.02)) continue;
      this.#scheduler.after(this.#random.between(1, 100), () =>
        server.resume(() => {
          if (!server.isAlive || !watch.#everProven || (!FLAGS.answerInDoubt && !server.continuity.isProven())) return;
          const view = watch.view();
          this.#scheduler.after(this.#random.between(1, 100), () => answers.push(view));
        }),
      );
    }
    await this.#server.sleep(300);
    const got = [...answers];
    const before = continuity.highest();
    const open = this.#server.connection.isOpen && this.#stream.isUp;
    const last = this.#stream.lastSequence;
    const created = this.#stream.createdAt;
    await this.#server.sleep(this.#random.between(1, 50));
    this.#proving = false;
    if (!open || !this.#server.connection.isOpen) return;
    for (const v of got) {
      if (FLAGS.answerInDoubt) continuity.hear(v.floor, v.highest);
      else continuity.raise(v.floor);
    }
    if (this.#atStart) continuity.raise({ at: created });
    let mark: number | undefined = Math.max(
      0,
      before,
      ...got.map((v) => v.highest),
      ...(FLAGS.projectedIsMark ? [this.#projected()] : []),
    );
    if (FLAGS.aloneIsLoss && this.#atStart && !got.some((v) => v.proven)) mark = undefined;
    if (FLAGS.expectPeers && !this.#atStart && (this.#expected ?? []).some((name) => !got.some((v) => v.name === name)))
      mark = undefined;
    continuity.check(last, mark);
    this.#atStart = false;
    this.#expected = undefined;
    this.#everProven = true;
  }
}
