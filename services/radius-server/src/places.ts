import { createSlots, type Slots } from '@countersign/http';

/** Of all places, for one RADIUS client (R29): a house has few of them, and often one VPN gateway through which everybody comes. */
const CLIENT_SHARE = 0.5;

/** What a request holds until it is answered or let go. */
export interface Place {
  /** app-server has decided, for now: what follows is waiting. */
  stopWorking(): void;
  leave(): void;
}

/** The places that requests take (R26). */
export interface Places {
  /**
   * @param urgent it goes on with a login that has begun, which finds a place where new ones do not any more (RAD-48).
   * @returns undefined when there is no place. It is shed in silence, so that the client asks somebody else.
   */
  take(clientId: string, options: { urgent: boolean }): Place | undefined;
  readonly working: number;
  readonly held: number;
}

export function createPlaces({ maxInFlight, maxWaiting }: { maxInFlight: number; maxWaiting: number }): Places {
  const working = createSlots({ limit: maxInFlight, share: CLIENT_SHARE });
  // Taken from the beginning, so that nobody's phone rings for a login that then finds no place to wait.
  const held = createSlots({ limit: maxWaiting, share: CLIENT_SHARE });
  return {
    take: (clientId, options) => {
      const leave = tryTake(held, clientId, options);
      if (leave === undefined) return undefined;
      const stopWorking = tryTake(working, clientId, options);
      if (stopWorking === undefined) {
        leave();
        return undefined;
      }
      return {
        stopWorking,
        leave: () => {
          stopWorking();
          leave();
        },
      };
    },
    get working() {
      return working.taken;
    },
    get held() {
      return held.taken;
    },
  };
}

function tryTake(slots: Slots, clientId: string, options: { urgent: boolean }): (() => void) | undefined {
  try {
    return slots.take(clientId, options);
  } catch {
    return undefined;
  }
}
