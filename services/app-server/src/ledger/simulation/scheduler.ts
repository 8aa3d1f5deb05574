interface Task {
  at: number;
  order: number;
  run: () => void;
}

/**
 * Virtual time: what is due next happens next, and everything that follows from it at once happens before anything else does. So
 * a schedule depends on nothing but its seed.
 */
export class Scheduler {
  /** In ms since the epoch. */
  now: number;
  #order = 0;
  /** A heap: the task due first is at 0, and the children of i at 2i+1 and 2i+2. */
  readonly #tasks: Task[] = [];

  constructor(now: number) {
    this.now = now;
  }

  after(ms: number, run: () => void): void {
    const task = { at: this.now + Math.max(0, Math.round(ms)), order: this.#order++, run };
    const tasks = this.#tasks;
    let index = tasks.length;
    tasks.push(task);
    while (index > 0) {
      const parent = (index - 1) >> 1;
      const above = tasks[parent];
      if (above === undefined || !isBefore(task, above)) break;
      tasks[index] = above;
      tasks[parent] = task;
      index = parent;
    }
  }

  sleep(ms: number): Promise<void> {
    return new Promise((resolve) => this.after(ms, resolve));
  }

  async run(until: number): Promise<void> {
    for (let task = this.#take(until); task !== undefined; task = this.#take(until)) {
      this.now = task.at;
      task.run();
      // Comes after every promise that hangs on it has gone as far as it can, and costs no turn of the event loop.
      await new Promise((resolve) => process.nextTick(resolve));
    }
    this.now = until;
  }

  #take(until: number): Task | undefined {
    const tasks = this.#tasks;
    const [first] = tasks;
    if (first === undefined || first.at > until) return undefined;
    const last = tasks.pop();
    if (last === undefined || last === first) return first;
    let index = 0;
    for (;;) {
      const [left, right] = [tasks[2 * index + 1], tasks[2 * index + 2]];
      const child = right !== undefined && left !== undefined && isBefore(right, left) ? 2 * index + 2 : 2 * index + 1;
      const below = tasks[child];
      if (below === undefined || !isBefore(below, last)) break;
      tasks[index] = below;
      index = child;
    }
    tasks[index] = last;
    return first;
  }
}

function isBefore(a: Task, b: Task): boolean {
  return a.at < b.at || (a.at === b.at && a.order < b.order);
}
