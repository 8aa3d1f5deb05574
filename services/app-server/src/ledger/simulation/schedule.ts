import { adversary, helpdesk, owner } from './behaviour.ts';
import { AppServer, REAL, type Surroundings, type Variant } from './app-server.ts';
import { Callers } from './callers.ts';
import { chaos } from './chaos.ts';
import { History } from './history.ts';
import { judge, type Violation } from './judges.ts';
import { StreamModel } from './log-model.ts';
import { MemoryModel } from './memory-model.ts';
import { PeersModel } from './peers-model.ts';
import { SeededRandom } from './random.ts';
import { Scheduler } from './scheduler.ts';
import { BEGIN, PATIENT, peopleEnrolledAt, STRICT } from './world.ts';

const LASTS_MS = 50_000;
/** When the servers have found each other. */
const READY_MS = 3000;
const SERVERS = ['app-1', 'app-2', 'app-3'];

export interface Outcome {
  seed: number;
  violations: Violation[];
  allowed: number;
  refused: number;
  lost: number;
  trace: string;
}

/** Some servers, people and mishaps; all of it decided by the seed. */
export async function runSchedule(
  seed: number,
  options: { variant?: Variant; isTraced?: boolean } = {},
): Promise<Outcome> {
  const { variant = REAL, isTraced = false } = options;
  const random = new SeededRandom(seed);
  const scheduler = new Scheduler(BEGIN);
  const history = new History(() => scheduler.now, isTraced);
  const isCluster = random.chance(0.7);
  const stream = new StreamModel(BEGIN, isCluster);
  const running = new Map<string, AppServer>();
  const servers = () => [...running.values()];
  const people = peopleEnrolledAt(BEGIN + READY_MS, random);
  const policy = random.chance(0.3) ? STRICT : PATIENT;
  const some = (often: number) => random.pick([0, 0, often / 4, often]);
  const faults = { lost: some(0.1), replyLost: some(0.2), late: some(0.1), twice: some(0.05), stale: some(0.6) };
  const callFaults = { lost: some(0.1), twice: some(0.2), late: some(0.1) };

  let projectedUpTo = 0;
  const memory = new MemoryModel(random);
  const surroundings: Surroundings = {
    scheduler,
    random,
    stream,
    peers: new PeersModel(scheduler, random, servers),
    memory,
    faults,
    policy,
    people,
    variant,
    highestProjected: () => projectedUpTo,
    projected: (userId) => stream.last(userId, projectedUpTo)?.record.state,
    deliver: ({ wanted, ...message }) => {
      if (!wanted) return;
      history.handed.push(message);
      scheduler.after(random.between(100, 1500), () => {
        history.sent.push({ at: scheduler.now, ...message });
        history.note(() => `SMS ${message.code} for ${message.challengeId.slice(22, 28)}`);
      });
    },
    note: (line) => history.note(line),
  };

  let runs = 0;
  const begin = (name: string) => {
    const server = new AppServer(`${name}, run ${(runs += 1)}`, random.between(-2000, 2000), surroundings);
    running.set(name, server);
    history.note(() => `${server.name} starts`);
    server.start();
  };
  SERVERS.forEach(begin);
  const stage = {
    scheduler,
    random,
    callers: new Callers(servers, { scheduler, random, faults: callFaults, history }),
    history,
    servers,
  };

  const until = BEGIN + LASTS_MS;
  const climax = BEGIN + random.between(10_000, 30_000);
  scheduler.after(READY_MS, () => {
    for (const person of people) {
      void owner(stage, person, random.between(1, 4));
      if (random.chance(0.8)) void adversary(stage, person, climax, until);
      if (random.chance(0.3)) void helpdesk(stage, person);
    }
    chaos({
      scheduler,
      random,
      stream,
      isCluster,
      memory,
      history,
      running,
      begin,
      climax,
      until,
      projectTo: (sequence) => (projectedUpTo = sequence),
      projectedUpTo: () => projectedUpTo,
    });
  });
  await scheduler.run(until);
  // Virtual time gives nobody else a turn: whoever watches this process is not to take it for dead.
  await new Promise(setImmediate);

  const violations = judge({ history, stream, people, policy, endedAt: until });
  return {
    seed,
    violations,
    allowed: history.heard.filter(({ answer }) => answer.type === 'allow').length,
    refused: history.heard.filter(({ answer }) => answer.type === 'refused').length,
    lost: stream.everLost.size,
    trace: history.trace(),
  };
}
