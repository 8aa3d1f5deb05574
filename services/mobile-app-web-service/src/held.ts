import type { ServerResponse } from 'node:http';
import { MfaError } from '@countersign/contracts';
import type { HttpServer } from '@countersign/http';

/** A request that has no answer yet: app-server works on it, or its phone waits here. */
export interface Held {
  /** Aborted when nobody waits for the answer any more; its reason is what is said in its place. */
  readonly signal: AbortSignal;
  readonly letGo: () => void;
}

export interface Holds {
  /** @param waits whether it waits here for something to happen. What merely works is let finish when this replica stops. */
  hold(response: ServerResponse, waits: boolean): Held;
}

/** A phone that is sent away comes back with a new connection, to another replica: not all of them in the same instant. */
const TURNS = 20;
const TURN_MS = 100;
const RETRY_AFTER_SECONDS = 1;

/**
 * Ends what is held early: at once when the phone is gone, and when this replica is told to stop. It keeps one signal for each, because
 * a listener more on a signal that all share is looked for among all of them.
 */
export function createHolds({ draining, lastCall }: Pick<HttpServer, 'draining' | 'lastCall'>): Holds {
  const waiting = new Set<AbortController>();
  const working = new Set<AbortController>();

  function end(some: Iterable<AbortController>): void {
    for (const one of some) one.abort(stopping());
  }
  draining.addEventListener('abort', () => {
    const each = Math.ceil(waiting.size / TURNS);
    const turns = setInterval(() => {
      end([...waiting].slice(0, each));
      if (waiting.size === 0) clearInterval(turns);
    }, TURN_MS);
  });
  lastCall.addEventListener('abort', () => end([...waiting, ...working]));

  return {
    hold: (response, waits) => {
      const controller = new AbortController();
      const among = waits ? waiting : working;
      const letGo = (): void => {
        response.off('close', onClose);
        among.delete(controller);
      };
      const onClose = (): void => controller.abort(new MfaError('UNAVAILABLE', { reason: 'the phone is gone' }));
      response.on('close', onClose);
      among.add(controller);
      controller.signal.addEventListener('abort', letGo);
      if (response.destroyed) onClose();
      else if (lastCall.aborted || (waits && draining.aborted)) controller.abort(stopping());
      return { signal: controller.signal, letGo };
    },
  };
}

function stopping(): MfaError {
  return new MfaError('UNAVAILABLE', { retryAfterSeconds: RETRY_AFTER_SECONDS, reason: 'this replica stops' });
}
