import { mkdirSync } from 'node:fs';
import { writeDevFile, type DevFile } from './dev-file.ts';
import type { Layout } from './layout.ts';
import { takenPorts } from './ports.ts';
import { holderOfRunLock, takeRunLock } from './run-lock.ts';
import type { Secrets, SecretsFile } from './secrets.ts';
import { makeAdministrator, type Environment } from './services.ts';
import { createSupervisor, type Supervisor } from './supervisor.ts';

export interface RunningStack {
  readonly dev: DevFile;
  stop(): Promise<void>;
}

export interface StackOptions {
  layout: Layout;
  /** Throws away the data of earlier runs first. */
  fresh: boolean;
  say: (line: string) => void;
  /** Aborts a start that is under way; what ran by then is stopped. */
  signal: AbortSignal;
}

/** What assembling a stack needs of its frame. */
export interface Frame {
  supervisor: Supervisor;
  onCrash: (name: string, reason: string) => void;
  step: Step;
}

/** One line for people: what, and how long. */
type Step = <T>(what: string, work: () => Promise<T>) => Promise<T>;

/** Something the person at the terminal has to settle; no stack trace helps. */
export class CannotStart extends Error {
  override readonly name = 'CannotStart';
}

/**
 * Starts a stack in the order in which its parts depend on each other, keeps it running, and tells where it is in `dev.json`.
 * @throws RunsAlready, CannotStart, Error with the last output of what did not start.
 */
export async function runStack(
  { layout, say, signal }: StackOptions,
  assemble: (frame: Frame) => Promise<DevFile>,
): Promise<RunningStack> {
  mkdirSync(layout.logs, { recursive: true });
  const lock = await takeRunLock(layout.dir, say);
  let dev: DevFile | undefined;
  const supervisor = createSupervisor(say, () => publish());
  const stop = async () => {
    await supervisor.stop();
    if (dev !== undefined) writeDevFile(layout.devFile, { ...dev, processes: {} });
    lock.release();
  };
  function publish(): void {
    const processes = supervisor.processes();
    lock.remember(processes);
    if (dev === undefined) return;
    dev.processes = Object.fromEntries(Object.entries(processes).filter(([, pid]) => pid > 0));
    writeDevFile(layout.devFile, dev);
  }
  const step: Step = async (what, work) => {
    signal.throwIfAborted();
    const startedAt = performance.now();
    const done = await work();
    say(`• ${what.padEnd(30)} ${((performance.now() - startedAt) / 1000).toFixed(1)} s`);
    signal.throwIfAborted();
    return done;
  };
  try {
    dev = await assemble({ supervisor, onCrash: (name, reason) => supervisor.crashed(name, reason), step });
    publish();
    return { dev, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/**
 * @param wanted port to what the stack wants it for.
 * @param datagrams the same for UDP.
 * @throws CannotStart naming who has which.
 */
export async function assertPortsFree(
  wanted: ReadonlyMap<number, string>,
  datagrams: ReadonlyMap<number, string>,
): Promise<void> {
  const taken = await takenPorts(wanted, datagrams);
  if (taken.length === 0) return;
  const lines = taken.map(
    ({ port, purpose, holder = 'another program' }) => `Port ${port}, needed by ${purpose}, is taken by ${holder}.`,
  );
  const advice = 'Stop it, or move this stack: COUNTERSIGN_DEV_FIRST_PORT=18100 npm start';
  throw new CannotStart([...lines, advice].join('\n'));
}

/**
 * The development stack and the production topology have the same addresses.
 * @param dir of the one that is not to be started.
 * @throws CannotStart while it runs.
 */
export function assertOtherAway(dir: string, name: string): void {
  const pid = holderOfRunLock(dir);
  if (pid === undefined) return;
  throw new CannotStart(
    `The ${name} runs already (process ${pid}), and both have the same addresses. Stop it first, with Ctrl-C where it was started.`,
  );
}

/** Everybody is waited for, also when one has failed: what starts late must not be left behind. @throws the first failure. */
export async function settled(parts: readonly Promise<unknown>[]): Promise<void> {
  const outcomes = await Promise.allSettled(parts);
  const failed = outcomes.find((outcome) => outcome.status === 'rejected');
  if (failed !== undefined) throw failed.reason;
}

/** The first administrator's key, made at the first start and kept with the secrets. @param environment of an app-server. */
export async function ensureAdministrator(environment: Environment, secrets: SecretsFile, step: Step): Promise<string> {
  const { content } = secrets;
  content.adminKey ??= await step('schema and first administrator', () =>
    makeAdministrator(environment, `developer ${content.installation}`),
  );
  secrets.save();
  return content.adminKey;
}

/** What `dev.json` says of a stack. */
export function devFileOf({
  layout: { ports },
  secrets: { application, users, natsPasswords, vpn, vpnSecret },
  ...more
}: {
  layout: Layout;
  secrets: Secrets;
  adminKey: string;
} & Pick<DevFile, 'ca' | 'postgres' | 'nats' | 'natsCa' | 'balancers'> &
  Partial<DevFile>): DevFile {
  if (application === undefined) throw new Error('the demo application was not made');
  return {
    sdkGateways: ports.sdkGateways.map((port) => `https://localhost:${port}`),
    userPortals: [],
    newcomers: [],
    mobileServices: [],
    radiusServers: [],
    ...(vpn !== undefined && { radiusClient: { name: vpn.name, secret: vpnSecret } }),
    adminApis: ports.appServers.map((port) => `http://localhost:${port}`),
    inbox: `http://localhost:${ports.inbox}`,
    apiKey: application.apiKey,
    application: application.name,
    applicationId: application.applicationId,
    users,
    natsUsers: natsPasswords,
    processes: {},
    ...more,
  };
}
