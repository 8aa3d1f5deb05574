import type { AppServer } from './app-server.ts';
import type { History } from './history.ts';
import type { StreamModel } from './log-model.ts';
import type { MemoryModel } from './memory-model.ts';
import type { SeededRandom } from './random.ts';
import type { Scheduler } from './scheduler.ts';

interface Stage {
  scheduler: Scheduler;
  random: SeededRandom;
  stream: StreamModel;
  isCluster: boolean;
  memory: MemoryModel;
  history: History;
  /** By the name that each run of a server shares with the one before. */
  running: ReadonlyMap<string, AppServer>;
  /** Starts a process in place of the one that had the name. */
  begin: (name: string) => void;
  /** When the worst happens, if it does: most of what can go wrong goes wrong about then. */
  climax: number;
  until: number;
  projectTo: (sequence: number) => void;
  projectedUpTo: () => number;
}

/** JetStream elects no new leader sooner than this (heartbeat 1 s, election 4 to 9 s, constants of nats-server). */
const SHORTEST_OUTAGE_MS = 4000;
const LONGEST_OUTAGE_MS = 9000;

/** What a stream without a leader comes back with. @returns how many messages are gone. */
type Loss = readonly [what: string, lose: (stage: Stage) => number];
const RESTART: Loss = ['restarts', () => 0];
const ROLL_BACK: Loss = ['is rolled back', ({ stream, random }) => stream.rollBack(random)];
const RECREATE: Loss = ['is created anew', ({ stream, scheduler }) => stream.recreate(scheduler.now)];
const LOSSES = [RESTART, ROLL_BACK, ROLL_BACK, ROLL_BACK, ROLL_BACK, RECREATE];

/** What goes wrong besides requests that are lost: processes, connections, disks. */
export function chaos(stage: Stage): void {
  const { scheduler, random, running, climax, until } = stage;
  const sometimes = (most: number, mishap: () => void) => {
    for (let count = random.between(0, most); count > 0; count -= 1) {
      const at = random.chance(0.5) ? climax + random.between(-1500, 6000) : random.between(scheduler.now, until);
      scheduler.after(at - scheduler.now, mishap);
    }
  };
  const anyone = () => random.pick([...running]);
  if (random.chance(0.6)) sometimes(3, () => kill(stage, anyone()));
  if (random.chance(0.3)) sometimes(2, () => leave(stage, anyone()));
  if (random.chance(0.2)) sometimes(1, () => leaveAll(stage));
  if (random.chance(0.2)) sometimes(1, () => killAll(stage));
  if (random.chance(0.3)) sometimes(2, () => freeze(stage, anyone()[1]));
  if (random.chance(0.3)) sometimes(2, () => disconnect(stage, anyone()[1], random.between(100, 4000)));
  if (random.chance(0.2)) sometimes(2, () => losePrimary(stage));
  const lose = random.pick([undefined, ...LOSSES]);
  if (lose !== undefined) scheduler.after(climax - scheduler.now, () => outage(stage, lose));
  if (random.chance(0.1)) sometimes(1, () => outage(stage, ROLL_BACK));
  syncNowAndThen(stage);
  projectNowAndThen(stage);
}

function kill({ scheduler, random, history, begin }: Stage, [name, server]: readonly [string, AppServer]): void {
  if (!server.isAlive) return;
  server.kill();
  history.note(() => `${server.name} is killed`);
  scheduler.after(random.between(300, 4000), () => begin(name));
}

function leave({ scheduler, random, history, begin }: Stage, [name, server]: readonly [string, AppServer]): void {
  if (!server.isAlive || server.isLeaving) return;
  history.note(() => `${server.name} leaves`);
  // Whoever supervises it waits no longer than that.
  const patience = scheduler.now + 10_000;
  void server.leave();
  const again = () => {
    if (server.isAlive && scheduler.now < patience) return scheduler.after(50, again);
    server.kill();
    return scheduler.after(random.between(300, 4000), () => begin(name));
  };
  again();
}

function leaveAll(stage: Stage): void {
  const { scheduler, random, running } = stage;
  for (const one of running) scheduler.after(random.between(0, 300), () => leave(stage, one));
  if (random.chance(0.5)) scheduler.after(random.between(500, 3000), () => outage(stage, random.pick(LOSSES)));
}

function killAll(stage: Stage): void {
  for (const one of stage.running) kill(stage, one);
  if (stage.random.chance(0.3)) outage(stage, stage.random.pick(LOSSES));
}

function freeze({ random, history }: Stage, server: AppServer): void {
  const ms = random.between(1000, 20_000);
  server.freeze(ms);
  history.note(() => `${server.name} is stopped for ${ms} ms`);
}

function disconnect({ scheduler, history }: Stage, server: AppServer, ms: number): void {
  if (!server.isAlive) return;
  server.disconnect();
  history.note(() => `${server.name} loses its connection for ${ms} ms`);
  scheduler.after(ms, () => server.reconnect());
}

function losePrimary({ scheduler, random, memory, history }: Stage): void {
  memory.isPrimaryAway = true;
  history.note(() => 'the Postgres primary is away');
  scheduler.after(random.between(1000, 15_000), () => (memory.isPrimaryAway = false));
}

/** The stream has no leader for a while; then it is there again, perhaps without what was not on disk. */
function outage(stage: Stage, [what, lose]: Loss): void {
  const { scheduler, random, stream, isCluster, history, running } = stage;
  if (!stream.isUp) return;
  // One server alone is back as soon as it was started again.
  const ms = random.between(isCluster ? SHORTEST_OUTAGE_MS : 100, LONGEST_OUTAGE_MS);
  stream.goDown();
  const lost = lose(stage);
  history.note(() => `the stream ${what} (${lost} lost) and is away for ${ms} ms; last is ${stream.lastSequence}`);
  for (const one of running) {
    // The node of a cluster that a replica is connected to may have stayed up: then it sees no connection lost.
    if (!isCluster || random.chance(0.7)) disconnect(stage, one[1], ms + random.between(0, 2500));
    if (random.chance(0.2)) kill(stage, one);
  }
  scheduler.after(ms, () => {
    stream.isUp = true;
    history.note(() => 'the stream is there again');
  });
}

function syncNowAndThen(stage: Stage): void {
  const { scheduler, random, stream } = stage;
  if (random.chance(0.3)) return;
  const again = () => {
    stream.sync();
    scheduler.after(random.between(1000, 20_000), again);
  };
  scheduler.after(random.between(1000, 20_000), again);
}

function projectNowAndThen(stage: Stage): void {
  const { scheduler, random, stream, projectTo, projectedUpTo } = stage;
  const again = () => {
    projectTo(Math.max(projectedUpTo(), random.between(0, stream.lastSequence)));
    scheduler.after(random.between(500, 8000), again);
  };
  again();
}
