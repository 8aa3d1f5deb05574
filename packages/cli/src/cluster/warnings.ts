import type { ReplicaView, Seen } from './seen.ts';

/** HA-50. */
const SKEW_WARN_MS = 2000;
const LAG_WARN_MS = 5000;
/** The one that did not say what it is. */
const FIRST_RELEASE = 1;

/** What somebody should look at, each in a sentence with what to do. Empty when all is well. */
export function warningsOf(seen: Seen): string[] {
  return [...new Set(WARNINGS.flatMap((rule) => rule(seen)))];
}

/** What is as somebody wanted it, and not for ever. No work on any machine has to wait for it. */
export function notesOf(seen: Seen): string[] {
  return [...new Set(NOTES.flatMap((rule) => rule(seen)))];
}

type Rule = (seen: Seen) => string[];

const NOTES: readonly Rule[] = [
  ({ replicas }) => {
    const settled = Math.max(...replicas.map(({ settledRelease = FIRST_RELEASE }) => settledRelease));
    if (replicas.length === 0 || replicas.some(({ release = FIRST_RELEASE }) => release <= settled)) return [];
    return [
      `The installation is on release ${settled}, and every app-server that answers runs the next. When it has proven itself: ` +
        'countersign cluster finalize',
    ];
  },
  ({ replicas }) =>
    named(
      replicas.filter(({ unsynced }) => unsynced === true),
      (who) => `NATS does not sync each write to disk, and ${who} accepted that (COUNTERSIGN_NATS_UNSYNCED).`,
    ),
];

const WARNINGS: readonly Rule[] = [
  ({ silent }) =>
    silent.map((replica) => `${replica} began to answer and did not end. Look at its log, then restart it.`),
  ({ wrong }) =>
    wrong.map(
      (replica) =>
        `${replica} answers otherwise than asked, or something answers in its name. Look at its log; if a machine may have been taken over: countersign replicas revoke`,
    ),
  ({ replicas }) =>
    replicas
      .filter(({ takesWork }) => !takesWork)
      .map(({ replica }) => `${replica} takes no work. Why: countersign doctor`),
  ({ edges }) =>
    edges.some(({ service }) => service === 'sdk-gateway')
      ? []
      : ['No gateway answers: start one, or give it the permissions of infra/nats.'],
  ({ replicas, edges }) =>
    differences(
      [...replicas, ...edges].map(({ replica, version }) => [version, replica]),
      (list) => `Two versions are at work: ${list}. Finish the upgrade, or go back.`,
    ),

  ({ natsServers }) =>
    natsServers
      .filter(({ server }) => server === undefined)
      .map(({ address }) => `NATS does not answer at ${address}. Start it: two of three must run.`),
  ({ natsServers }) =>
    differences(
      natsServers.flatMap(({ server }) => (server === undefined ? [] : [[server.version, server.name] as const])),
      (list) => `NATS servers have different versions: ${list}. Finish the upgrade.`,
    ),
  ({ replicas }) => replicas.flatMap(({ streams }) => streams.flatMap(streamWarnings)),
  ({ replicas: [first] }) => (first === undefined ? [] : spreadWarning(first)),

  ({ replicas }) => replicas.flatMap(postgresWarnings),
  ({ replicas }) => {
    const primaries = new Set(
      replicas.flatMap(({ postgres }) => postgres.filter(({ role }) => role === 'primary').map(({ name }) => name)),
    );
    if (primaries.size < 2) return [];
    return [`App-servers take different Postgres nodes for primary: ${[...primaries].join(', ')}. Look at Patroni.`];
  },

  ({ replicas, edges }) =>
    [...replicas, ...edges].flatMap(({ replica, aheadMs = 0 }) =>
      Math.abs(aheadMs) <= SKEW_WARN_MS
        ? []
        : [`The clock of ${replica} is ${skew(aheadMs)} that of this machine. Set the wrong one right (chrony, NTP).`],
    ),
  ({ replicas }) =>
    replicas.flatMap(({ replica, clocks = [] }) =>
      clocks.flatMap(({ name, aheadMs = 0 }) =>
        Math.abs(aheadMs) <= SKEW_WARN_MS
          ? []
          : [`The clock of ${name} is ${skew(aheadMs)} that of ${replica}. Set the wrong one right (chrony, NTP).`],
      ),
    ),

  ({ replicas }) =>
    replicas.flatMap(({ replica, floors = [] }) =>
      floors
        .filter(({ proven }) => !proven)
        .map(({ stream }) => `${replica} decides nothing for ${stream} until it knows that nothing was lost.`),
    ),
  ({ replicas }) => {
    const streams = new Set(replicas.flatMap(({ floors = [] }) => floors.map(({ stream }) => stream)));
    return [...streams].flatMap((stream) =>
      differences(
        replicas.flatMap(({ replica, floors = [] }) =>
          floors.filter((floor) => floor.stream === stream).map(({ at }) => [at ?? 'none', replica] as const),
        ),
        (list) => `App-servers have different recovery floors for ${stream}: ${list}. If it lasts, look at their logs.`,
      ),
    );
  },
];

function streamWarnings({ name, copies, wantedCopies = copies.length }: ReplicaView['streams'][number]): string[] {
  if (wantedCopies < 2) return [];
  const behind = copies.filter(({ current }) => !current);
  return [
    ...(copies.some(({ leads }) => leads) ? [] : [`No server leads ${name}: most of its servers must run.`]),
    ...behind.map(({ server }) => `${server} lacks a part of ${name}, or is away. Start it, or look at its disk.`),
    ...(copies.length >= wantedCopies ? [] : [`${name} is on ${copies.length} of ${wantedCopies} servers.`]),
  ];
}

/** A server that leads the whole ledger would hold up every user when it dies. */
function spreadWarning({ streams }: ReplicaView): string[] {
  const ledger = streams.filter(({ name, copies }) => /^AUTH_\d+$/.test(name) && copies.length > 1);
  const leaders = ledger.map(({ copies }) => copies.find(({ leads }) => leads)?.server);
  const [only] = leaders;
  if (ledger.length < 2 || only === undefined || leaders.some((leader) => leader !== only)) return [];
  return [`${only} leads the whole ledger. Spread it: countersign cluster move-leaders`];
}

function postgresWarnings({ replica, postgres, streams }: ReplicaView): string[] {
  const primary = postgres.find(({ role, reachable }) => role === 'primary' && reachable);
  const isCluster = streams.some(({ wantedCopies = 1 }) => wantedCopies > 1);
  const alone = isCluster && primary?.confirmedBy === '';
  return [
    ...(primary === undefined
      ? [`${replica} sees no Postgres primary: enrolment and administration are refused.`]
      : []),
    ...(alone
      ? [`${primary.name} waits for no standby: what it acknowledges is lost with it. Start the other node.`]
      : []),
    ...postgres
      .filter(({ reachable, role }) => !reachable && role !== 'stale')
      .map(({ name }) => `${replica} does not reach Postgres at ${name}.`),
    ...postgres
      .filter(({ role }) => role === 'stale')
      .map(
        ({ name }) =>
          `${name} calls itself primary although another was promoted after it. Stop it, and join it again.`,
      ),
    ...postgres
      .filter(({ lagMs = 0 }) => lagMs > LAG_WARN_MS)
      .map(({ name, lagMs = 0 }) => `${name} is ${(lagMs / 1000).toFixed(1)} s behind the primary.`),
  ];
}

/** Who says which of several values. */
function differences(said: readonly (readonly [value: string, by: string])[], sentence: (list: string) => string) {
  const by = new Map<string, string[]>();
  for (const [value, who] of said) by.set(value, [...(by.get(value) ?? []), who]);
  if (by.size < 2) return [];
  return [sentence([...by].map(([value, who]) => `${value} (${who.join(', ')})`).join(', '))];
}

function named(views: readonly { replica: string }[], sentence: (who: string) => string): string[] {
  return views.length === 0 ? [] : [sentence(views.map(({ replica }) => replica).join(', '))];
}

function skew(aheadMs: number): string {
  return `${(Math.abs(aheadMs) / 1000).toFixed(1)} s ${aheadMs > 0 ? 'ahead of' : 'behind'}`;
}
