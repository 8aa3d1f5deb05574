import { spawn, type ChildProcess } from 'node:child_process';
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { waitUntil } from '@countersign/testkit';
import { command, tryCommand } from './command.ts';
import { connectMs } from './connect-ms.ts';

/** Number of a machine, from 1. */
export type MachineNumber = 1 | 2 | 3;
export const MACHINES: readonly MachineNumber[] = [1, 2, 3];

export function othersOf(machine: MachineNumber): MachineNumber[] {
  return MACHINES.filter((other) => other !== machine);
}

/** Whose packets do not arrive where. */
export interface Silence {
  at: MachineNumber;
  from: readonly MachineNumber[];
}

export interface Weather {
  /** Of the packets from another machine, how many do not arrive, of a hundred. */
  lossPercent?: number;
  /** How much later a packet arrives, one way. */
  delayMs?: number;
}

export interface Packets {
  arrived: number;
  dropped: number;
}

/** Three machines and whoever is outside, on one switch. */
export interface Network {
  hostOf(machine: MachineNumber): string;
  namespaceOf(machine: MachineNumber): string;
  readonly outside: string;
  /** As Postgres writes it. */
  readonly range: string;
  /** From now on. Replaces an earlier silence and loss. */
  silence(silences: readonly Silence[]): void;
  weather(weather: Weather): Promise<void>;
  /** Pulls the cable, or puts it back. */
  plug(machine: MachineNumber, isIn: boolean): void;
  /** All packets arrive again, at once. */
  mend(): void;
  /** What became of the packets from one machine to another since the last silence() or weather(). */
  packets(from: MachineNumber, to: MachineNumber): Packets;
  /** How long a TCP connection takes from a machine (or from outside) to a port of another, ms; undefined when none comes about. */
  connectMs(from: MachineNumber | 'outside', host: string, port: number): Promise<number | undefined>;
  remove(): Promise<void>;
}

const IP = '/sbin/ip';
const NFT = '/usr/sbin/nft';
const PYTHON = '/usr/bin/python3';
const TABLE = 'inet chaos';

/** Why there can be no machines here; undefined when there can. */
export function whyNoNetwork(): string | undefined {
  if (process.getuid?.() !== 0) return 'only root makes network namespaces';
  for (const [program, args] of [
    [IP, ['-V']],
    [NFT, ['-v']],
    [PYTHON, ['-V']],
  ] as const) {
    if (!tryCommand(program, args)) return `${program} is missing`;
  }
  const probe = `csprobe${process.pid}`;
  const works = tryCommand(IP, ['netns', 'add', probe]);
  tryCommand(IP, ['netns', 'del', probe]);
  return works ? undefined : 'this system makes no network namespaces';
}

/**
 * @param key names this checkout's network, so that two can stand beside each other. What an earlier run left under that name goes.
 * @param carriers port on which the outside takes text messages; a machine reaches it under 127.0.0.1, as one reaches a proxy.
 */
export async function makeNetwork(key: string, carriers: number): Promise<Network> {
  const digest = createHash('sha256').update(key).digest();
  const prefix = `cs${digest.toString('hex').slice(0, 6)}`;
  const bridge = `${prefix}b`;
  const namespaceOf = (machine: MachineNumber) => `${prefix}-${machine}`;
  const cableOf = (machine: MachineNumber) => `${prefix}v${machine}`;
  const slowOf = (machine: MachineNumber) => `${prefix}t${machine}`;
  await removeNetwork(MACHINES.map(namespaceOf), [...MACHINES.map(cableOf), bridge]);
  const third = freeThird(digest.readUInt8(4));
  const hostOf = (machine: MachineNumber) => `10.79.${third}.${machine}`;
  const outside = `10.79.${third}.254`;
  const inside = (machine: MachineNumber, program: string, args: readonly string[], input?: string) =>
    command(IP, ['netns', 'exec', namespaceOf(machine), program, ...args], input);

  command(IP, ['link', 'add', bridge, 'type', 'bridge']);
  command(IP, ['addr', 'add', `${outside}/24`, 'dev', bridge]);
  command(IP, ['link', 'set', bridge, 'up']);
  for (const machine of MACHINES) {
    const namespace = namespaceOf(machine);
    const cable = cableOf(machine);
    command(IP, ['netns', 'add', namespace]);
    command(IP, ['link', 'add', cable, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', namespace]);
    command(IP, ['link', 'set', cable, 'master', bridge, 'up']);
    for (const args of [
      ['link', 'set', 'lo', 'up'],
      ['addr', 'add', `${hostOf(machine)}/24`, 'dev', 'eth0'],
      ['link', 'set', 'eth0', 'up'],
    ]) {
      command(IP, ['-n', namespace, ...args]);
    }
    // What is sent to the carriers leaves the house; the product sends in the clear only to its own machine.
    inside(machine, '/bin/sh', ['-c', 'echo 1 > /proc/sys/net/ipv4/conf/all/route_localnet']);
    const way = [
      'table ip carriers {',
      `  chain out { type nat hook output priority -100; ip daddr 127.0.0.1 tcp dport ${carriers} dnat to ${outside}; }`,
      `  chain leave { type nat hook postrouting priority 100; ip daddr ${outside} tcp dport ${carriers} snat to ${hostOf(machine)}; }`,
      '}',
    ];
    inside(machine, NFT, ['-f', '-'], way.join('\n'));
  }

  let slow: ChildProcess | undefined;
  let silences: readonly Silence[] = [];
  let lossPercent = 0;

  /** Whoever is to hear drops: what a sender drops, it notices itself. */
  function filter(): void {
    for (const machine of MACHINES) {
      const mute = silences.filter(({ at }) => at === machine).flatMap(({ from }) => from);
      const rules = othersOf(machine).flatMap((other) => {
        const from = `ip saddr ${hostOf(other)}`;
        if (mute.includes(other)) return [`${from} counter drop comment "dropped ${other}"`];
        const loss = `${from} numgen random mod 100 < ${lossPercent} counter drop comment "dropped ${other}"`;
        return [...(lossPercent > 0 ? [loss] : []), `${from} counter accept comment "arrived ${other}"`];
      });
      const table = [
        `table ${TABLE} {}`,
        `delete table ${TABLE}`,
        `table ${TABLE} { chain arriving {`,
        'type filter hook input priority 0',
        ...rules,
        '}; }',
      ];
      inside(machine, NFT, ['-f', '-'], table.join('\n'));
    }
  }

  /** Packets between machines take the slow way, those from and to outside do not. */
  async function slowDown(delayMs: number): Promise<void> {
    const program = join(import.meta.dirname, 'slow-link.py');
    slow = spawn(PYTHON, [program, String(delayMs), ...MACHINES.map(slowOf)], { stdio: ['pipe', 'pipe', 'inherit'] });
    await new Promise((resolve) => slow?.stdout?.once('data', resolve));
    for (const machine of MACHINES) {
      command(IP, ['link', 'set', slowOf(machine), 'netns', namespaceOf(machine)]);
      command(IP, ['-n', namespaceOf(machine), 'link', 'set', slowOf(machine), 'up']);
    }
    for (const machine of MACHINES) {
      for (const other of othersOf(machine)) {
        const route = [`${hostOf(other)}/32`, 'dev', slowOf(machine), 'src', hostOf(machine)];
        command(IP, ['-n', namespaceOf(machine), 'route', 'replace', ...route]);
      }
    }
  }

  /** The links end with the program, and the routes with the links. */
  function hurryUp(): void {
    slow?.kill('SIGKILL');
    slow = undefined;
  }

  return {
    hostOf,
    namespaceOf,
    outside,
    range: `10.79.${third}.0/24`,
    silence: (wanted) => {
      silences = wanted;
      filter();
    },
    weather: async ({ lossPercent: percent = 0, delayMs = 0 }) => {
      hurryUp();
      lossPercent = percent;
      filter();
      if (delayMs > 0) await slowDown(delayMs);
    },
    plug: (machine, isIn) => {
      command(IP, ['link', 'set', cableOf(machine), isIn ? 'up' : 'down']);
    },
    mend: () => {
      silences = [];
      lossPercent = 0;
      hurryUp();
      for (const machine of MACHINES) {
        command(IP, ['link', 'set', cableOf(machine), 'up']);
        tryCommand(IP, ['netns', 'exec', namespaceOf(machine), NFT, 'delete', 'table', ...TABLE.split(' ')]);
      }
    },
    packets: (from, to) => {
      const listed = inside(to, NFT, ['list', 'table', ...TABLE.split(' ')]);
      const count = (what: string) =>
        Number(new RegExp(`packets (\\d+) .*comment "${what} ${from}"`).exec(listed)?.[1] ?? 0);
      return { arrived: count('arrived'), dropped: count('dropped') };
    },
    connectMs: (from, host, port) => connectMs(from === 'outside' ? undefined : namespaceOf(from), host, port),
    remove: async () => {
      hurryUp();
      await removeNetwork(MACHINES.map(namespaceOf), [...MACHINES.map(cableOf), bridge]);
    },
  };
}

/** Ends what still runs there, too. */
async function removeNetwork(namespaces: readonly string[], links: readonly string[]): Promise<void> {
  for (const namespace of namespaces) {
    const pids = () => {
      try {
        return command(IP, ['netns', 'pids', namespace]).split('\n').filter(Boolean).map(Number);
      } catch {
        return [];
      }
    };
    for (const pid of pids()) process.kill(pid, 'SIGKILL');
    await waitUntil(() => pids().length === 0, { what: `everything in ${namespace} to end` });
    tryCommand(IP, ['netns', 'del', namespace]);
  }
  for (const link of links) tryCommand(IP, ['link', 'del', link]);
}

/** 10.79.x.0/24 that nobody on this machine uses. */
function freeThird(first: number): number {
  const taken = command(IP, ['-4', '-o', 'addr']);
  for (let step = 0; step < 256; step++) {
    const third = (first + step) % 256;
    if (!taken.includes(` 10.79.${third}.`)) return third;
  }
  throw new Error('every network 10.79.x.0/24 is taken');
}
