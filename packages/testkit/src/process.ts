import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync, fstatSync, mkdirSync, openSync, readFileSync, renameSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { isAlive, killTree, pauseTree, resumeTree, signal } from './process-table.ts';
import { findSetpriv } from './setpriv.ts';
import { waitUntil } from './wait-until.ts';

export interface ProcessOptions {
  /** For messages. */
  name: string;
  command: string;
  args?: readonly string[];
  env?: NodeJS.ProcessEnv;
  cwd?: string;
  /** Name of a network namespace (`ip netns`) to run it in. */
  networkNamespace?: string;
  /** Output is appended here; without it, the last lines are kept in memory for error messages. */
  logFile?: string;
  /** A throw counts as "not yet". Without it the process counts as ready once it runs. */
  readyWhen?: () => boolean | Promise<boolean>;
  /** How often it is asked; 20 ms unless given. */
  readyEveryMs?: number;
  /** 20 s unless given. */
  readyTimeoutMs?: number;
  /** What asks the process to end; SIGTERM unless given. */
  stopSignal?: NodeJS.Signals;
  /** How long a stop waits before it kills; 10 s unless given. */
  stopTimeoutMs?: number;
  /** Called when the process ended although nobody called stop or kill. */
  onCrash?: (reason: string) => void;
}

export interface RunningProcess {
  readonly name: string;
  /** Of the newest start; 0 while it does not run. */
  readonly pid: number;
  readonly running: boolean;
  /** The last lines of output since the newest start. */
  readonly tail: () => string;
  /** Starts it again after stop, kill or a crash, and waits until it is ready. */
  readonly start: () => Promise<void>;
  /** Asks it to end; kills it (with its descendants) when it has not after `stopTimeoutMs`. */
  readonly stop: () => Promise<void>;
  /** `kill -9`, descendants included. Returns when all of them are gone. */
  readonly kill: () => Promise<void>;
  /** SIGSTOP to it and its descendants: sockets stay open and nobody answers. */
  readonly pause: () => void;
  readonly resume: () => void;
  readonly restart: () => Promise<void>;
}

const TAIL_CHARACTERS = 4000;
const ROTATE_AT_BYTES = 10 * 1024 * 1024;

/** Every child of this process that runs, with the signal that ends it in an orderly way. */
const children = new Map<ChildProcess, NodeJS.Signals>();

/**
 * Starts a child that does not outlive this process, and waits until it is ready. It stands in a session of its own, so that
 * Ctrl-C in the terminal reaches only the parent, which then stops its children in the order it wants.
 */
export async function startProcess(options: ProcessOptions): Promise<RunningProcess> {
  const running = prepareProcess(options);
  await running.start();
  return running;
}

/** The same without starting it. */
export function prepareProcess(options: ProcessOptions): RunningProcess {
  const { name, readyEveryMs = 20, readyTimeoutMs = 20_000, stopSignal = 'SIGTERM', stopTimeoutMs = 10_000 } = options;
  let child: ChildProcess | undefined;
  let ended: Promise<void> = Promise.resolve();
  let endReason = '';
  let expected = false;
  let output = '';
  /** Where in the log file this start began. */
  let logStart = 0;

  const running = () => child !== undefined;
  const tail = () => (options.logFile === undefined ? output : readTail(options.logFile, logStart));

  async function start(): Promise<void> {
    if (running()) throw new Error(`${name} runs already`);
    expected = false;
    endReason = '';
    output = '';
    const log = options.logFile === undefined ? undefined : openLog(options.logFile);
    logStart = log === undefined ? 0 : fstatSync(log).size;
    const [command, args] = within(
      options.networkNamespace,
      diesWithParent(options.command, options.args ?? [], stopSignal),
    );
    const born = spawn(command, args, {
      cwd: options.cwd,
      env: options.env ?? process.env,
      detached: true,
      stdio: ['ignore', log ?? 'pipe', log ?? 'pipe'],
    });
    if (log !== undefined) closeSync(log);
    for (const stream of [born.stdout, born.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => {
        output = (output + text).slice(-TAIL_CHARACTERS);
      });
    }
    child = born;
    children.set(born, stopSignal);
    stopChildrenWithThisProcess();

    let ready = false;
    ended = new Promise((resolve) => {
      const end = (reason: string) => {
        if (child !== born) return;
        endReason = reason;
        child = undefined;
        children.delete(born);
        resolve();
        if (!expected && ready) options.onCrash?.(reason);
      };
      born.once('error', (error) => end(error.message));
      born.once('exit', (code, by) => end(by === null ? `exit code ${code}` : `signal ${by}`));
    });

    try {
      await waitUntil(
        async () => {
          if (!running()) throw new Error(`${name} ended: ${endReason}`);
          return options.readyWhen === undefined || (await options.readyWhen());
        },
        { timeoutMs: readyTimeoutMs, everyMs: readyEveryMs, what: `${name} to be ready`, until: () => !running() },
      );
    } catch (error) {
      const reason = running()
        ? `was not ready after ${readyTimeoutMs} ms`
        : `ended before it was ready (${endReason})`;
      await kill();
      throw new Error(`${name} ${reason}. Its last output:\n${tail()}`, { cause: error });
    }
    ready = true;
  }

  async function stop(): Promise<void> {
    const victim = child;
    if (victim?.pid === undefined) return;
    expected = true;
    signal(victim.pid, stopSignal);
    // A paused process receives nothing until it runs again.
    resumeTree(victim.pid);
    const timer = setTimeout(() => {
      if (victim.pid !== undefined && child === victim) killTree(victim.pid);
    }, stopTimeoutMs);
    await ended;
    clearTimeout(timer);
  }

  async function kill(): Promise<void> {
    const victim = child;
    if (victim?.pid === undefined) return;
    expected = true;
    const family = killTree(victim.pid);
    await ended;
    await waitUntil(() => !family.some(isAlive), { what: `the children of ${name} to be gone` });
  }

  return {
    name,
    get pid() {
      return child?.pid ?? 0;
    },
    get running() {
      return running();
    },
    tail,
    start,
    stop,
    kill,
    pause: () => {
      if (child?.pid !== undefined) pauseTree(child.pid);
    },
    resume: () => {
      if (child?.pid !== undefined) resumeTree(child.pid);
    },
    restart: async () => {
      await stop();
      await start();
    },
  };
}

/**
 * With setpriv (util-linux) the kernel itself ends the child when this process dies, even by `kill -9`. It then execs the
 * command in place, so the pid is the command's own.
 */
function diesWithParent(command: string, args: readonly string[], stopSignal: NodeJS.Signals): [string, string[]] {
  const setpriv = findSetpriv();
  if (setpriv === undefined) return [command, [...args]];
  const death = ['--pdeathsig', stopSignal.replace('SIG', '')];
  return command === setpriv ? [setpriv, [...death, ...args]] : [setpriv, [...death, command, ...args]];
}

/** `ip netns exec` execs the command in place, too. It comes first: whoever drops root's rights could not enter any more. */
function within(networkNamespace: string | undefined, [command, args]: [string, string[]]): [string, string[]] {
  if (networkNamespace === undefined) return [command, args];
  return ['/sbin/ip', ['netns', 'exec', networkNamespace, command, ...args]];
}

let watching = false;
function stopChildrenWithThisProcess(): void {
  if (watching) return;
  watching = true;
  const stopAll = () => {
    for (const [child, stopSignal] of children) {
      if (child.pid === undefined) continue;
      signal(child.pid, stopSignal);
      resumeTree(child.pid);
    }
  };
  process.on('exit', stopAll);
  for (const name of ['SIGINT', 'SIGTERM'] as const) {
    const handler = () => {
      // Somebody else listens too: the orderly end is theirs, and `exit` comes after it.
      if (process.listenerCount(name) > 1) return;
      stopAll();
      process.off(name, handler);
      process.kill(process.pid, name);
    };
    process.on(name, handler);
  }
}

function openLog(path: string): number {
  mkdirSync(dirname(path), { recursive: true });
  const size = statSync(path, { throwIfNoEntry: false })?.size ?? 0;
  if (size > ROTATE_AT_BYTES) renameSync(path, `${path}.1`);
  return openSync(path, 'a', 0o600);
}

function readTail(path: string, from: number): string {
  try {
    return readFileSync(path).subarray(from).toString().slice(-TAIL_CHARACTERS);
  } catch {
    return '';
  }
}
