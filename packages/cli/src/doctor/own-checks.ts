import type { EachAnswer } from '@countersign/bus';
import type { Check, OutputOf, systemCheck } from '@countersign/contracts';
import type { NatsView } from '../connection.ts';
import { failureFrom } from '../failure.ts';

type Answers = readonly EachAnswer<OutputOf<typeof systemCheck>>[];

const SLOW_ROUND_TRIP_MS = 100;
/** HA-50: replicas that differ by more than the first refuse or accept the wrong codes soon; by the second, they do. */
const CLOCK_WARN_MS = 2000;
const CLOCK_FAIL_MS = 10_000;

/** NATS as this machine sees it. */
export function checkNats({ server, version, jetstream, roundTripMs }: NatsView): Check {
  const name = 'nats.connection';
  const seen = `${server}, version ${version}, answers in ${roundTripMs < 1 ? 'under 1' : Math.round(roundTripMs)} ms`;
  if (!jetstream) {
    return {
      name,
      level: 'fail',
      detail: `${seen}, has no JetStream`,
      advice: 'Add jetstream { store_dir: … } to nats-server.conf: without it nobody can log in.',
    };
  }
  if (roundTripMs > SLOW_ROUND_TRIP_MS) {
    return { name, level: 'warn', detail: seen, advice: 'Every step of a login waits for NATS. Look at the network.' };
  }
  return { name, level: 'ok', detail: seen };
}

/** Who serves the operations. One that began and fell silent hangs. */
export function checkReplicas(answers: Answers): Check[] {
  const refused = answers.flatMap((answer) => ('error' in answer ? [answer] : []));
  const names = answers.flatMap((answer) => ('error' in answer ? [] : [answer.replica]));
  const failures = refused.map(({ replica, error }): Check => {
    const { message, advice, code } = failureFrom(error);
    const silent = code === 'UNAVAILABLE';
    return {
      name: 'replicas',
      level: 'fail',
      detail: silent ? `${replica} began to answer and did not end` : `${replica} refuses: ${message} (${code})`,
      advice: silent ? `Look at the logs of ${replica}, then restart it.` : advice,
    };
  });
  return failures.length > 0 ? failures : [countReplicas(names)];
}

function countReplicas(names: readonly string[]): Check {
  if (names.length === 0) {
    return {
      name: 'replicas',
      level: 'fail',
      detail: 'no app-server answers',
      advice:
        'Start app-server, and look at its logs when it does not become ready. The NATS user must be allowed mfa.v1.>',
    };
  }
  if (names.length === 1) {
    return {
      name: 'replicas',
      level: 'warn',
      detail: `only ${names[0]} answers`,
      advice: 'Run two app-servers or more: while this one is away nobody can log in.',
    };
  }
  return { name: 'replicas', level: 'ok', detail: `${names.length} answer: ${names.join(', ')}` };
}

/** How far the clocks of the replicas are apart, and how far this machine's is from theirs. */
export function checkClocks(answers: Answers): Check[] {
  const skews = answers.flatMap((answer) =>
    'error' in answer ? [] : [{ replica: answer.replica, skewMs: Date.parse(answer.output.at) - answer.heardAt }],
  );
  const sorted = skews.toSorted((a, b) => a.skewMs - b.skewMs);
  const [slowest, fastest] = [sorted[0], sorted.at(-1)];
  if (slowest === undefined || fastest === undefined) return [];
  return [compareReplicas(slowest, fastest), compareOwn(slowest, fastest)];
}

interface Skew {
  replica: string;
  skewMs: number;
}

function compareReplicas(slowest: Skew, fastest: Skew): Check {
  const apartMs = fastest.skewMs - slowest.skewMs;
  if (apartMs <= CLOCK_WARN_MS)
    return { name: 'clock.replicas', level: 'ok', detail: `at most ${seconds(apartMs)} apart` };
  return {
    name: 'clock.replicas',
    level: apartMs > CLOCK_FAIL_MS ? 'fail' : 'warn',
    detail: `${fastest.replica} is ${seconds(apartMs)} ahead of ${slowest.replica}`,
    advice: 'Make chrony or another NTP client run on every machine: codes and results depend on the time.',
  };
}

function compareOwn(slowest: Skew, fastest: Skew): Check {
  const furthest = Math.abs(slowest.skewMs) > Math.abs(fastest.skewMs) ? slowest : fastest;
  const detail = `${seconds(Math.abs(furthest.skewMs))} from ${furthest.replica}`;
  if (Math.abs(furthest.skewMs) <= CLOCK_WARN_MS) return { name: 'clock.own', level: 'ok', detail };
  return {
    name: 'clock.own',
    level: 'warn',
    detail,
    advice: 'Set the clock of this machine. If it is right, the one of the replica is wrong.',
  };
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}
