import { MfaError, placesFor, type ErrorCode } from '@countersign/contracts';

/** A bounded number of things at a time (R26), of which one client has at most a share (R29). What is urgent has places beyond. */
export interface Slots {
  readonly taken: number;
  /**
   * @returns what to call when the slot is free again; calling it twice is harmless.
   * @throws MfaError UNAVAILABLE when all are taken, TRY_LATER (unless another code was given) when this client has its share. Both
   * say when to retry.
   */
  take(client?: string, options?: { urgent: boolean }): () => void;
}

export interface SlotsOptions {
  limit: number;
  /** Of `limit`, for one client. Above 0, up to 1. */
  share?: number;
  whenShareTaken?: ErrorCode;
  onRefused?: (reason: 'all taken' | 'share taken') => void;
}

const RETRY_AFTER_SECONDS = 1;

export function createSlots(options: SlotsOptions): Slots {
  const perClient = Math.max(1, Math.floor(options.limit * (options.share ?? 1)));
  const byClient = new Map<string, number>();
  let taken = 0;
  return {
    get taken() {
      return taken;
    },
    take: (client, work = { urgent: false }) => {
      if (taken >= placesFor(work, options.limit)) {
        options.onRefused?.('all taken');
        throw new MfaError('UNAVAILABLE', { retryAfterSeconds: RETRY_AFTER_SECONDS });
      }
      const held = client === undefined ? 0 : (byClient.get(client) ?? 0);
      if (held >= placesFor(work, perClient)) {
        options.onRefused?.('share taken');
        throw new MfaError(options.whenShareTaken ?? 'TRY_LATER', { retryAfterSeconds: RETRY_AFTER_SECONDS });
      }
      taken += 1;
      if (client !== undefined) byClient.set(client, held + 1);
      let isFree = false;
      return () => {
        if (isFree) return;
        isFree = true;
        taken -= 1;
        if (client === undefined) return;
        const left = (byClient.get(client) ?? 1) - 1;
        if (left === 0) byClient.delete(client);
        else byClient.set(client, left);
      };
    },
  };
}
