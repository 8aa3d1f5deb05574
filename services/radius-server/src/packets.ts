import { radiusAccount, type InputOf, type radiusLogin, type RadiusSighting } from '@countersign/contracts';
import { CODE, type Malformed, type Packet } from '@countersign/radius';
import { formatTraceparent, noTracing, type Logger, type Metrics, type Tracing } from '@countersign/telemetry';
import type { AccessRequest } from './access-request.ts';
import type { Accounting } from './accounting.ts';
import type { Ask } from './ask-app-server.ts';
import { attemptOf } from './attempt.ts';
import type { KnownClient } from './client-table.ts';
import type { Clients } from './clients.ts';
import type { Duplicates, Remembered } from './duplicates.ts';
import { failureOf, STOPPING } from './failure.ts';
import { judge, type DropReason, type Verdict, type Way } from './judge.ts';
import { decideLogin } from './login.ts';
import {
  DROPPED_PACKETS,
  DUPLICATES,
  LOGIN_SECONDS,
  PACKETS,
  REMEMBERED,
  REQUESTS_HELD,
  REQUESTS_WAITING,
  REQUESTS_WORKING,
} from './metrics.ts';
import type { Notices } from './notices.ts';
import { pause } from './pause.ts';
import type { Place, Places } from './places.ts';
import { createRate } from './rate.ts';
import { encodeAccountingResponse, encodeDecision, encodeStatus, type Decision } from './reply.ts';
import type { Reports } from './reports.ts';
import type { Sightings } from './sightings.ts';

/** A packet of a client that is known. */
export interface Arrival {
  packet: Packet;
  client: KnownClient;
  way: Way;
  /** Address that it came from. */
  source: string;
  /** Where a retransmission of it would come; undefined over TLS, where there is none (RFC 6613 section 2.6.1). */
  slot: string | undefined;
  /** ms of uptime */
  cameAt: number;
  respond: (octets: Buffer) => void;
  /** It can be given once more, and comes by no other way: nothing is counted while there is no room. */
  canWait?: boolean;
  /** What of this connection is under way: all of it is let go with the connection (RAD-72). */
  open?: Set<AbortController>;
}

export interface Packets {
  /** @returns why nothing was done with it, as far as that is known at once. `no-room`: give it again. */
  take(arrival: Arrival): DropReason | 'no-room' | undefined;
  malformed(client: KnownClient, reason: Malformed): void;
  /** Somebody asks who is no client. */
  stranger(address: string): void;
  dropped(reason: DropReason): void;
  readonly working: number;
  readonly waiting: number;
  /** Takes nothing new; what waits is let go in silence, since its retransmission reaches another replica. Resolves when all is done. */
  drain(): Promise<void>;
}

export interface PacketsOptions {
  ask: Ask;
  clients: Clients;
  duplicates: Duplicates;
  places: Places;
  sightings: Sightings;
  reports: Pick<Reports, 'hurry'>;
  notices: Notices;
  logger: Logger;
  metrics: Metrics;
  tracing?: Tracing;
  rejectDelayMs: number;
  /** ms since the epoch. */
  now: () => number;
  /** ms of uptime. */
  uptime: () => number;
}

/** Of one client's Status-Server: several of its processes may look every second, and no more is of use to anybody (RAD-70). */
const STATUS_RATE = { burst: 10, everyMs: 200 };
/** Whatever a client waits: nothing that is asked of app-server is held for longer. */
const LONGEST_MS = 55_000;
const SHORTEST_MS = 3000;
/** Every answer that this process gives by itself says no, and nothing but no. */
const REFUSED = { answer: 'reject', attributes: [], send: true } as const satisfies Decision;

const CODE_NAMES: Readonly<Record<number, string>> = {
  [CODE.accessRequest]: 'access-request',
  [CODE.accountingRequest]: 'accounting-request',
  [CODE.statusServer]: 'status-server',
};
const codeName = ({ code }: Packet): string => CODE_NAMES[code] ?? 'other';

/** Why a client's packets are dropped, where whoever reads the log can mend it. */
const NOTED: Partial<Record<DropReason, string>> = {
  'message-authenticator-wrong': 'Its secret is not the one that is kept here, or somebody else sends in its name.',
  'message-authenticator-missing': 'It does not sign its requests (Message-Authenticator), and is required to.',
  'accounting-authenticator': 'Its secret for accounting is not the one that is kept here.',
  'proxy-state': 'It sends Proxy-State without Message-Authenticator (CVE-2024-3596).',
};

/** What becomes of packets, from judgement to answer, whichever socket they come by. */
export function createPackets(options: PacketsOptions): Packets {
  const { clients, duplicates, places, sightings, notices, metrics, uptime } = options;
  const tracing = options.tracing ?? noTracing;
  const counted = metrics.counter(PACKETS);
  const droppedCounter = metrics.counter(DROPPED_PACKETS);
  const duplicatesCounter = metrics.counter(DUPLICATES);
  const seconds = metrics.histogram(LOGIN_SECONDS);
  const statusRate = createRate(STATUS_RATE);
  /** Each is aborted by itself: a listener more on a signal that all share is looked for among all of them. */
  const waiting = new Set<AbortController>();
  let underWay = 0;
  let isStopping = false;
  let onIdle = (): void => undefined;
  metrics.gauge(REQUESTS_WORKING, () => places.working);
  metrics.gauge(REQUESTS_WAITING, () => waiting.size);
  metrics.gauge(REQUESTS_HELD, () => places.held);
  metrics.gauge(REMEMBERED, () => duplicates.size);

  function take(arrival: Arrival): DropReason | 'no-room' | undefined {
    const { packet, client, way } = arrival;
    const { clientId } = client;
    const verdict = judge(packet, client, way);
    const isWork = verdict.what !== 'drop' && verdict.what !== 'status' && !isStopping;
    const urgency = { urgent: verdict.seen.includes('state') };
    // Where it may wait, room is looked for first.
    const early = isWork && arrival.canWait === true ? places.take(clientId, urgency) : undefined;
    if (isWork && arrival.canWait === true && early === undefined) return 'no-room';
    sightings.count(clientId, verdict.seen);
    if (verdict.what === 'drop') return drop(arrival, verdict.reason);
    if (isStopping) return drop(arrival, 'stopping');
    if (verdict.what === 'status') return takeStatus(arrival);
    if (verdict.what === 'login' && verdict.isSigned) learnFrom(arrival);
    if (verdict.seen.includes('no-nas-id')) {
      const detail = 'It says neither NAS-Identifier nor an address.';
      notices.warn('radius.no_nas_id', clientId, { clientId, detail });
    }

    const remembered = remember(arrival);
    if (remembered === 'again') return undefined;
    const place = early ?? places.take(clientId, urgency);
    if (place === undefined) {
      if (remembered !== undefined) duplicates.forget(remembered);
      sightings.count(clientId, ['dropped-overload']);
      return drop(arrival, 'overload');
    }
    begin({ arrival, remembered, place, controller: remembered?.superseded ?? new AbortController() }, verdict);
    return undefined;
  }

  function begin(begun: Begun, verdict: Extract<Verdict, { what: 'login' | 'reject' | 'accounting' }>): void {
    switch (verdict.what) {
      case 'login':
        return run(begun, () => login(begun, verdict.request));
      case 'reject':
        return run(begun, () => refuse(begun, verdict.reason));
      case 'accounting':
        return run(begun, () => account(begun, verdict.accounting));
    }
  }

  interface Begun {
    arrival: Arrival;
    remembered: Remembered | undefined;
    place: Place;
    controller: AbortController;
  }

  /** @returns undefined where nothing is retransmitted. */
  function remember({ slot, packet, client, cameAt, respond }: Arrival): Remembered | 'again' | undefined {
    if (slot === undefined) return undefined;
    const taken = duplicates.take(slot, packet.authenticator, cameAt);
    if (taken.is === 'new') return taken.entry;
    const { octets, tries } = taken.entry;
    sightings.retransmission(client.clientId, taken.afterMs, tries);
    duplicatesCounter.inc({ outcome: octets === undefined ? 'undecided' : 'resent' });
    if (octets !== undefined) respond(octets);
    return 'again';
  }

  function learnFrom({ client, way }: Arrival): void {
    if (client.requireMessageAuthenticator !== 'auto' || way.transport !== 'udp') return;
    clients.learn(client.clientId);
    sightings.learnt(client.clientId);
    options.reports.hurry();
    const detail = 'It signs its requests (Message-Authenticator), and is required to from now on.';
    options.logger.info('radius.learnt', { clientId: client.clientId, detail });
  }

  /** Does the work, with everything that it holds given back in the end. Nothing that goes wrong in it gives an answer. */
  function run({ arrival, remembered, place, controller }: Begun, work: () => Promise<void>): void {
    const { open } = arrival;
    open?.add(controller);
    underWay += 1;
    work()
      .catch((error: unknown) => {
        if (remembered !== undefined) duplicates.forget(remembered);
        fail(arrival, controller, error);
      })
      .finally(() => {
        place.leave();
        open?.delete(controller);
        underWay -= 1;
        if (underWay === 0) onIdle();
      });
  }

  function fail(arrival: Arrival, { signal }: AbortController, error: unknown): void {
    const { clientId } = arrival.client;
    const { reason, event, detail } = failureOf(error, signal);
    if (reason === 'unavailable') sightings.count(clientId, ['dropped-unavailable']);
    if (event !== undefined) {
      notices.warn(event, clientId, { clientId, error, ...(detail !== undefined && { detail }) });
    }
    drop(arrival, reason);
  }

  async function login(begun: Begun, request: AccessRequest): Promise<void> {
    const { arrival, place, controller } = begun;
    const { packet, client, way, source, cameAt } = arrival;
    const input: InputOf<typeof radiusLogin> = {
      clientId: client.clientId,
      ...request,
      source,
      transport: way.transport,
    };
    const span = tracing.enter('radius access-request', undefined, { kind: 'server' });
    try {
      const decision = await decideLogin({
        ask: options.ask,
        input,
        attemptId: attemptOf(client.clientId, packet, way),
        deadlineMs: patienceMs(client),
        traceparent: formatTraceparent(span.trace),
        signal: controller.signal,
        onFirst: (answer) => {
          seconds.observe({ decision: answer }, (uptime() - cameAt) / 1000);
          place.stopWorking();
          if (answer === 'wait') beginWait(controller);
        },
        now: options.now,
      });
      waiting.delete(controller);
      await answer(begun, decision);
      span.end();
    } catch (error) {
      span.end(true);
      throw error;
    } finally {
      waiting.delete(controller);
    }
  }

  function beginWait(controller: AbortController): void {
    waiting.add(controller);
    if (isStopping) controller.abort(STOPPING);
  }

  /** What cannot succeed is refused as late as what was tried. */
  async function refuse(begun: Begun, reason: string): Promise<void> {
    const { arrival, place } = begun;
    const { clientId } = arrival.client;
    place.stopWorking();
    notices.warn('radius.cannot', `${clientId} ${reason}`, { clientId, reason, address: arrival.source });
    await answer(begun, REFUSED);
  }

  async function answer({ arrival, remembered, controller }: Begun, decision: Decision): Promise<void> {
    const { packet, way, client, cameAt, respond } = arrival;
    const octets = encodeDecision(decision, packet, way);
    if (decision.answer === 'reject') {
      // RAD-49: no clock tells which check failed.
      await pause(cameAt + options.rejectDelayMs - uptime(), controller.signal);
      if (controller.signal.aborted) throw controller.signal.reason;
    }
    if (remembered !== undefined) duplicates.answer(remembered, octets, uptime());
    counted.inc({ code: codeName(packet), outcome: decision.send ? decision.answer : 'kept' });
    options.logger.info('radius.answered', {
      clientId: client.clientId,
      code: decision.answer,
      ms: Math.round(uptime() - cameAt),
      address: arrival.source,
      ...(!decision.send && { detail: 'Another replica tells it.' }),
    });
    if (decision.send) respond(octets);
  }

  async function account({ arrival, remembered, controller }: Begun, accounting: Accounting): Promise<void> {
    const { packet, client, way, respond } = arrival;
    const { clientId } = client;
    await options.ask(
      radiusAccount,
      { clientId, ...accounting },
      { attemptId: attemptOf(clientId, packet, way), deadlineMs: patienceMs(client), signal: controller.signal },
    );
    const octets = encodeAccountingResponse(packet, way);
    if (remembered !== undefined) duplicates.answer(remembered, octets, uptime());
    counted.inc({ code: codeName(packet), outcome: 'response' });
    respond(octets);
  }

  function takeStatus(arrival: Arrival): DropReason | undefined {
    const { packet, client, way, respond } = arrival;
    if (!statusRate.take(client.clientId, uptime())) return drop(arrival, 'status-rate');
    void clients.isAnswered().then((isAnswered) => {
      // Silence tells the client to ask somebody else (RFC 5997 section 4.2).
      if (!isAnswered || isStopping) {
        drop(arrival, 'status-unable');
        return;
      }
      counted.inc({ code: codeName(packet), outcome: 'status' });
      respond(encodeStatus(packet, way));
    });
    return undefined;
  }

  function drop({ packet, client, source }: Arrival, reason: DropReason): DropReason {
    const { clientId } = client;
    dropped(reason);
    counted.inc({ code: codeName(packet), outcome: 'dropped' });
    const detail = NOTED[reason];
    if (detail !== undefined)
      notices.warn('radius.dropped', `${clientId} ${reason}`, { clientId, address: source, reason, detail });
    return reason;
  }

  function dropped(reason: DropReason): void {
    droppedCounter.inc({ reason });
  }

  return {
    take,
    malformed: (client, reason) => {
      const seen: RadiusSighting = 'dropped-malformed';
      sightings.count(client.clientId, [seen]);
      dropped(reason);
      notices.warn('radius.malformed', client.clientId, { clientId: client.clientId, reason });
    },
    stranger: (address) => {
      sightings.stranger(address);
      dropped('unknown-client');
      notices.warn('radius.unknown_client', address, {
        address,
        detail: 'No RADIUS client has this address or certificate.',
      });
    },
    dropped,
    get working() {
      return places.working;
    },
    get waiting() {
      return waiting.size;
    },
    drain: () => {
      isStopping = true;
      for (const controller of waiting) controller.abort(STOPPING);
      if (underWay === 0) return Promise.resolve();
      return new Promise((resolve) => (onIdle = resolve));
    },
  };
}

/** How long the client waits in all: what is decided later, it does not hear. */
function patienceMs({ timeoutSeconds, tries }: KnownClient): number {
  return Math.min(LONGEST_MS, Math.max(SHORTEST_MS, timeoutSeconds * tries * 1000));
}
