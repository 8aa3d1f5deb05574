import { setTimeout as sleep } from 'node:timers/promises';
import { clusterStatus, type OutputOf } from '@countersign/contracts';
import { command } from '../command.ts';
import type { Connection } from '../connection.ts';
import { CommandError } from '../failure.ts';
import type { Session } from '../session.ts';
import type { PatroniSettings } from '../settings.ts';
import { confirm } from '../terminal/confirm.ts';
import { readCluster, requestSwitchover } from './patroni.ts';
import { planSwitchover, type SwitchoverPlan } from './switchover-plan.ts';

type View = OutputOf<typeof clusterStatus>;

/** By then Patroni has promoted somebody, or has given up and the old primary goes on. */
const WITHIN_MS = 90_000;
const LOOK_EVERY_MS = 500;

export const clusterSwitchover = command({
  name: 'cluster switchover',
  summary: 'Make the standby of Postgres the primary, before work on the other node.',
  details:
    'Asks Patroni itself, with COUNTERSIGN_PATRONI_…: app-server does not have that power. Refused while no standby is synchronous. ' +
    'Logins go on; enrolment and administration are refused for some seconds, and told to come back.',
  arguments: {},
  options: {
    to: {
      kind: 'text',
      value: 'node',
      description: 'Name of the node that is to lead; the synchronous standby unless given.',
    },
  },
  examples: ['countersign cluster switchover', 'countersign cluster switchover --to postgres-2 --yes'],
  async run(session, { to }) {
    const patroni = settingsOf(session);
    const plan = planSwitchover(await readCluster(patroni), to);
    const connection = await session.connection();
    const before = await look(connection);
    assertAllReachTwoNodes(before);
    await confirm(
      session,
      `${plan.to} becomes primary of Postgres in place of ${plan.from}, which follows it then.`,
      'Logins go on. Enrolment and administration are refused for some seconds.',
    );
    const startedAt = performance.now();
    await order(patroni, plan);
    const after = await untilSeen(connection, before, plan);
    const tookMs = Math.round(performance.now() - startedAt);
    const writes = after.map((view) => ({ replica: view.replica, awayMs: awayMs(view, before) }));
    const synchronous = await untilSynchronous(patroni, plan);
    return {
      json: { ...plan, tookMs, writes, synchronous },
      text: [
        `${plan.to} is primary, and every app-server writes to it. It took ${seconds(tookMs)}.`,
        ...writes.map(({ replica, awayMs: ms }) => `Writes were away for ${seconds(ms)}, as ${replica} saw it.`),
        synchronous
          ? `${plan.from} follows it and has every write.`
          : `${plan.from} does not follow it yet: look at Patroni there before you stop anything.`,
        '',
      ].join('\n'),
    };
  },
});

function settingsOf(session: Session): PatroniSettings {
  const patroni = session.patroni();
  if (patroni !== undefined) return patroni;
  throw new CommandError(
    'SETTINGS_MISSING',
    'settings',
    'Nothing says where Patroni is: COUNTERSIGN_PATRONI_URLS is not set.',
    'Set it, with COUNTERSIGN_PATRONI_CA, _CERT, _KEY and _PASSWORD: docs/operations/maintenance.md',
  );
}

async function look({ askEach }: Connection): Promise<View[]> {
  const answers = await askEach(clusterStatus, {});
  return answers.flatMap((answer) => ('error' in answer ? [] : [answer.output]));
}

/** One that does not reach the standby would have no primary afterwards. */
function assertAllReachTwoNodes(views: readonly View[]): void {
  const [blind] = views.filter(({ postgres }) => postgres.filter(({ reachable }) => reachable).length < 2);
  if (views.length > 0 && blind === undefined) return;
  throw new CommandError(
    'SWITCHOVER_REFUSED',
    'conflict',
    `${blind?.replica ?? 'No app-server'} ${blind === undefined ? 'answers' : 'does not reach both Postgres nodes'}. Nothing was changed.`,
    'Look at it first: countersign cluster status',
  );
}

async function order(patroni: PatroniSettings, { from, to }: SwitchoverPlan): Promise<void> {
  const { status, text } = await requestSwitchover(patroni, from, to);
  if (status === 200 || status === 0) return;
  if (status === 401 || status === 403) {
    throw new CommandError(
      'PATRONI_REFUSED',
      'credential',
      `Patroni refuses who asks (${status}: ${text.trim()}). Nothing was changed.`,
      'Check COUNTERSIGN_PATRONI_PASSWORD, and the certificate in COUNTERSIGN_PATRONI_CERT with its key.',
    );
  }
  // Patroni gave up waiting, or could not agree. What it says of its members decides, not this answer.
  if (status === 503) return;
  throw new CommandError(
    'SWITCHOVER_REFUSED',
    'conflict',
    `Patroni refuses (${status}): ${text.trim()}`,
    'Look at the nodes: countersign cluster status',
  );
}

/** Every app-server that answered before sees another primary than before, and it answers. */
async function untilSeen(connection: Connection, before: readonly View[], { to }: SwitchoverPlan): Promise<View[]> {
  const until = performance.now() + WITHIN_MS;
  let waitsFor: string[] = [];
  while (performance.now() < until) {
    const now = await look(connection);
    waitsFor = before.flatMap((old) => {
      const view = now.find(({ replica }) => replica === old.replica);
      const primary = view === undefined ? undefined : primaryOf(view);
      return primary !== undefined && primary !== primaryOf(old) ? [] : [old.replica];
    });
    if (waitsFor.length === 0) return now.filter(({ replica }) => before.some((old) => old.replica === replica));
    await sleep(LOOK_EVERY_MS);
  }
  throw new CommandError(
    'SWITCHOVER_UNSEEN',
    'tryAgain',
    `${waitsFor.join(', ')} did not see another primary than before within ${WITHIN_MS / 1000} s, which should be ${to}.`,
    'Look who leads: countersign cluster status, and the log of Patroni.',
  );
}

function primaryOf({ postgres }: View): string | undefined {
  return postgres.find(({ role, reachable }) => role === 'primary' && reachable)?.name;
}

/** 0 when this replica never noticed that there was none. */
function awayMs({ replica, lastOutage }: View, before: readonly View[]): number {
  const known = before.find((old) => old.replica === replica)?.lastOutage?.startedAt;
  return lastOutage === undefined || lastOutage.startedAt === known ? 0 : Math.round(lastOutage.ms ?? 0);
}

async function untilSynchronous(patroni: PatroniSettings, { from }: SwitchoverPlan): Promise<boolean> {
  const until = performance.now() + WITHIN_MS;
  while (performance.now() < until) {
    const { members } = await readCluster(patroni).catch(() => ({ members: [] }));
    if (members.some(({ name, role }) => name === from && role === 'sync_standby')) return true;
    await sleep(LOOK_EVERY_MS);
  }
  return false;
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}
