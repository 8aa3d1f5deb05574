/**
 * Access servers in one process: they send Access-Requests from many ports, send each again that nobody answers, and check every answer as the
 * standard says. They read and sign as little as it lets them: what is measured is the server. Spawned by radius-load.ts with an IPC channel.
 */
import { randomFillSync } from 'node:crypto';
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { totpCode, totpStep } from '@countersign/otp';
import {
  ATTRIBUTE,
  checkReply,
  CODE,
  encodeAccessRequest,
  firstOf,
  hidePassword,
  readPacket,
  type Attribute,
  type Packet,
} from '@countersign/radius';
import { codeFor } from '../../services/app-server/src/challenge/code.ts';
import { loadKeyRing, type KeyRing } from '../../services/app-server/src/keys/ring.ts';
import { readState } from '../../services/app-server/src/radius/token.ts';
import { Latencies } from './latencies.ts';
import { arrivals, closedLoop, type LoadOutcome } from './load.ts';
import { seededUser } from './seed.ts';

/** What somebody does who logs in. `code`: types the code that the authenticator shows. `sms`: asks for a message, and types what it says. */
export type LoginKind = 'code' | 'sms' | 'password';

export interface RunOrder {
  do: 'run';
  port: number;
  login: LoginKind;
  /** So many who wait for each other's answers, or so many that begin in a second. */
  pace: { callers: number } | { perSecond: number };
  seconds: number;
  /** The first user; each login is of the next one, and after `users` of them of the first again. */
  first: number;
  users: number;
  /** Answers are believed unread: they come from the bare path, which proves nothing. */
  unproven?: true;
}

/** Logins that wait for somebody, each sent again and again until there is an answer, or nobody waits any more. */
export interface HoldOrder {
  do: 'hold';
  port: number;
  first: number;
  users: number;
  /** How many begin in a second. */
  perSecond: number;
  /** Between one packet of a login and the next. */
  everyMs: number;
  /** How long a login waits for its answer. */
  patienceMs: number;
}
export type Order = RunOrder | HoldOrder | { do: 'count' };

export interface RunResult extends LoadOutcome {
  p50: number;
  p95: number;
  p99: number;
  /** Packets that nobody had answered in time, and that were sent again. */
  resent: number;
  /** CPU seconds of this process in a second. */
  cpuShare: number;
}

export interface HoldResult {
  opened: number;
  packets: number;
  accepted: number;
  rejected: number;
  unanswered: number;
  /** Heard an answer more than once without having asked again. */
  answeredTwice: number;
  /** Of those that were accepted: from the first packet. */
  resent: number;
}

const {
  CALLERS_ADDRESSES = '127.0.0.1',
  CALLERS_SECRET = '',
  CALLERS_KEY_RING,
  CALLERS_APPLICATION = '',
} = process.env;
const secret = Buffer.from(CALLERS_SECRET);
const ring: KeyRing | undefined = CALLERS_KEY_RING === undefined ? undefined : loadKeyRing(CALLERS_KEY_RING);
const SOCKETS_FOR_EACH_ADDRESS = 16;
const IDENTIFIERS = 256;
const TOTP = { algorithm: 'SHA1', digits: 6, periodSeconds: 30 } as const;
/** As a product with short patience has it (RAD-50). */
const RESEND_MS = 3000;
const TRIES = 4;
const AFTERMATH_MS = 2000;
const PASSWORD = 'opens nothing else';
const NAS_IDENTIFIER = { type: ATTRIBUTE.nasIdentifier, value: Buffer.from('bench') };
const NAS_PORT_TYPE = { type: ATTRIBUTE.nasPortType, value: Buffer.from([0, 0, 0, 5]) };

interface Pending {
  authenticator: Buffer;
  onAnswer: (packet: Packet) => void;
}

/** A port that packets leave from: as many of them can be on their way as there are identifiers. */
interface Source {
  socket: Socket;
  pending: (Pending | undefined)[];
  next: number;
}

const sources = await Promise.all(
  CALLERS_ADDRESSES.split(',').flatMap((address) =>
    Array.from({ length: SOCKETS_FOR_EACH_ADDRESS }, () => openSource(address)),
  ),
);
let nextSource = 0;
let isUnproven = false;
let resent = 0;
const held: HoldResult = emptyHold();

process.on('message', (order: Order) => {
  if (order.do === 'run') void run(order).then((result) => process.send?.(result));
  else if (order.do === 'hold') void hold(order).then((result) => process.send?.(result));
  else process.send?.(held);
});
process.once('disconnect', () => process.exit(0));
process.send?.('ready');

async function openSource(address: string): Promise<Source> {
  const socket = createSocket({ type: 'udp4', recvBufferSize: 4 * 1024 * 1024 });
  const source: Source = { socket, pending: [], next: 0 };
  socket.on('message', (octets) => {
    const packet = readPacket(octets, '1.0');
    if ('malformed' in packet) return;
    const waiting = source.pending[packet.id];
    if (waiting !== undefined && isProven(packet, waiting)) waiting.onAnswer(packet);
  });
  socket.bind({ address, port: 0 });
  await once(socket, 'listening');
  return source;
}

function isProven(packet: Packet, { authenticator: requestAuthenticator }: Pending): boolean {
  if (isUnproven) return true;
  return checkReply(packet, { requestAuthenticator, secret, requireMessageAuthenticator: true }) === 'right';
}

async function run({ login, pace, seconds, first, users, port, unproven }: RunOrder): Promise<RunResult> {
  const latencies = new Latencies();
  const cpu = process.cpuUsage();
  resent = 0;
  isUnproven = unproven === true;
  const step = async (number: number): Promise<void> => {
    const startedAt = performance.now();
    await LOGINS[login](first + (number % users), port);
    latencies.add(performance.now() - startedAt);
  };
  const outcome =
    'callers' in pace ? await closedLoop(pace.callers, seconds, step) : await arrivals(pace.perSecond, seconds, step);
  const { user, system } = process.cpuUsage(cpu);
  return { ...outcome, ...latencies.summary(), resent, cpuShare: (user + system) / 1e6 / outcome.seconds };
}

const LOGINS: Record<LoginKind, (number: number, port: number) => Promise<void>> = {
  password: async (number, port) => {
    accepted(await exchange(port, [...whoAsks(number), password(PASSWORD)]));
  },
  code: async (number, port) => {
    const { secret: own } = seededUser(number);
    const code = totpCode({ ...TOTP, secret: own }, totpStep(Date.now(), TOTP.periodSeconds));
    accepted(await exchange(port, [...whoAsks(number), password(code)]));
  },
  sms: async (number, port) => {
    if (ring === undefined) throw new Error('no keys to tell the code of a message by');
    const asked = await exchange(port, [...whoAsks(number), password('sms')]);
    const state = firstOf(asked, ATTRIBUTE.state);
    if (asked.code !== CODE.accessChallenge || state === undefined) throw new Error(`no challenge but ${asked.code}`);
    const token = readState(ring, CALLERS_APPLICATION, state);
    if (token === undefined) throw new Error('a State that nobody can read');
    const answer = [...whoAsks(number), { type: ATTRIBUTE.state, value: state }];
    accepted(await exchange(port, [...answer, password(codeFor(ring, token.challengeId, 1, 6))]));
  },
};

/** What stands in the place of a password until the authenticator of the request is known. */
type Wanted = Attribute | { password: string };

function password(text: string): Wanted {
  return { password: text };
}

function whoAsks(number: number): Attribute[] {
  return [
    { type: ATTRIBUTE.userName, value: Buffer.from(`bench-${number}`) },
    NAS_IDENTIFIER,
    NAS_PORT_TYPE,
    { type: ATTRIBUTE.callingStationId, value: Buffer.from(`203.0.${(number >> 8) & 255}.${number & 255}`) },
  ];
}

function accepted({ code }: Packet): void {
  if (code !== CODE.accessAccept) throw new Error(`not accepted but ${code}`);
}

interface Sent {
  source: Source;
  id: number;
  octets: Buffer;
}

function compose(wanted: readonly Wanted[]): Sent & { authenticator: Buffer } {
  const { source, id } = freeIdentifier();
  const authenticator = randomFillSync(Buffer.allocUnsafe(16));
  const attributes = wanted.map((one) =>
    'password' in one
      ? { type: ATTRIBUTE.userPassword, value: hidePassword(Buffer.from(one.password), secret, authenticator) }
      : one,
  );
  return { source, id, authenticator, octets: encodeAccessRequest({ id, authenticator, attributes }, secret) };
}

function freeIdentifier(): { source: Source; id: number } {
  for (let tried = 0; tried < sources.length * IDENTIFIERS; tried++) {
    const source = sources[nextSource++ % sources.length];
    if (source === undefined) break;
    const id = source.next++ % IDENTIFIERS;
    if (source.pending[id] === undefined) return { source, id };
  }
  throw new Error('every identifier of every port is taken');
}

/** Sends until there is an answer, as access servers do. */
function exchange(port: number, wanted: readonly Wanted[]): Promise<Packet> {
  const { source, id, octets, authenticator } = compose(wanted);
  return new Promise((resolve, reject) => {
    let tries = 1;
    const timer = setInterval(() => {
      if (tries === TRIES) return end(() => reject(new Error('no answer')));
      tries++;
      resent++;
      source.socket.send(octets, port, '127.0.0.1');
    }, RESEND_MS);
    const end = (tell: () => void): void => {
      clearInterval(timer);
      source.pending[id] = undefined;
      tell();
    };
    source.pending[id] = { authenticator, onAnswer: (packet) => end(() => resolve(packet)) };
    source.socket.send(octets, port, '127.0.0.1');
  });
}

function emptyHold(): HoldResult {
  return { opened: 0, packets: 0, accepted: 0, rejected: 0, unanswered: 0, answeredTwice: 0, resent: 0 };
}

async function hold(order: HoldOrder): Promise<HoldResult> {
  Object.assign(held, emptyHold());
  const logins: Promise<void>[] = [];
  await arrivals(order.perSecond, order.users / order.perSecond, async (number) => {
    logins.push(holdOne(order.first + number, order));
  });
  await Promise.all(logins);
  return held;
}

/** Listens on for a while after the answer: nobody may tell it again who was not asked again. */
async function holdOne(number: number, { port, everyMs, patienceMs }: HoldOrder): Promise<void> {
  const { source, id, octets, authenticator } = compose([...whoAsks(number), password('app')]);
  const answered = Promise.withResolvers<void>();
  let answers = 0;
  const send = (): void => {
    held.packets++;
    source.socket.send(octets, port, '127.0.0.1');
  };
  source.pending[id] = {
    authenticator,
    onAnswer: ({ code }) => {
      answers++;
      if (answers > 1) held.answeredTwice++;
      else if (code === CODE.accessAccept) held.accepted++;
      else held.rejected++;
      answered.resolve();
    },
  };
  held.opened++;
  send();
  const resend = setInterval(() => {
    held.resent++;
    send();
  }, everyMs);
  const patience = setTimeout(answered.resolve, patienceMs);
  await answered.promise;
  clearInterval(resend);
  clearTimeout(patience);
  if (answers === 0) held.unanswered++;
  await new Promise((resolve) => setTimeout(resolve, AFTERMATH_MS));
  source.pending[id] = undefined;
}
