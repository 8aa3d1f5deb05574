import type { RadiusSighting } from '@countersign/contracts';
import type { Malformed } from '@countersign/radius';
import type { Arrival } from './arrival.ts';
import type { KnownClient } from './client-table.ts';
import type { Clients } from './clients.ts';
import type { Duplicates, Remembered } from './duplicates.ts';
import { judge, type DropReason } from './judge.ts';
import { DUPLICATES, REMEMBERED, REQUESTS_HELD, REQUESTS_WORKING } from './metrics.ts';
import { createOutcomes } from './outcomes.ts';
import type { Places } from './places.ts';
import { createRate } from './rate.ts';
import { encodeStatus } from './reply.ts';
import type { Reports } from './reports.ts';
import { createRequests, type RequestsOptions } from './requests.ts';
import type { Sightings } from './sightings.ts';

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

export interface PacketsOptions extends Omit<RequestsOptions, 'duplicates' | 'sightings' | 'outcomes'> {
  clients: Clients;
  duplicates: Duplicates;
  places: Places;
  sightings: Sightings;
  reports: Pick<Reports, 'hurry'>;
}

/** Of one client's Status-Server: several of its processes may look every second, and no more is of use to anybody (RAD-70). */
const STATUS_RATE = { burst: 10, everyMs: 200 };

/** Which packets are let in, whichever socket they come by: what is dropped or answered at once, and what becomes a request. */
export function createPackets(options: PacketsOptions): Packets {
  const { clients, duplicates, places, sightings, notices, metrics, uptime } = options;
  const outcomes = createOutcomes({ metrics, notices });
  const requests = createRequests({ ...options, outcomes });
  const duplicatesCounter = metrics.counter(DUPLICATES);
  const statusRate = createRate(STATUS_RATE);
  let isStopping = false;
  metrics.gauge(REQUESTS_WORKING, () => places.working);
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
    if (verdict.what === 'drop') return outcomes.drop(arrival, verdict.reason);
    if (isStopping) return outcomes.drop(arrival, 'stopping');
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
      return outcomes.drop(arrival, 'overload');
    }
    requests.begin(
      { arrival, remembered, place, controller: remembered?.superseded ?? new AbortController() },
      verdict,
    );
    return undefined;
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

  function takeStatus(arrival: Arrival): DropReason | undefined {
    const { packet, client, way, respond } = arrival;
    if (!statusRate.take(client.clientId, uptime())) return outcomes.drop(arrival, 'status-rate');
    void clients.isAnswered().then((isAnswered) => {
      // Silence tells the client to ask somebody else (RFC 5997 section 4.2).
      if (!isAnswered || isStopping) {
        outcomes.drop(arrival, 'status-unable');
        return;
      }
      outcomes.answered(packet, 'status');
      respond(encodeStatus(packet, way));
    });
    return undefined;
  }

  return {
    take,
    malformed: (client, reason) => {
      const seen: RadiusSighting = 'dropped-malformed';
      sightings.count(client.clientId, [seen]);
      outcomes.dropped(reason);
      notices.warn('radius.malformed', client.clientId, { clientId: client.clientId, reason });
    },
    stranger: (address) => {
      sightings.stranger(address);
      outcomes.dropped('unknown-client');
      notices.warn('radius.unknown_client', address, {
        address,
        detail: 'No RADIUS client has this address or certificate.',
      });
    },
    dropped: (reason) => outcomes.dropped(reason),
    get working() {
      return places.working;
    },
    get waiting() {
      return requests.waiting;
    },
    drain: () => {
      isStopping = true;
      return requests.drain();
    },
  };
}
