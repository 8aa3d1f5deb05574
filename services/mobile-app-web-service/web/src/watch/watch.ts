import { look, type Phone } from '../phone.ts';
import { pauseMs } from '../protocol/backoff.ts';
import { codeOf } from '../protocol/problem.ts';

const WAIT_SECONDS = 25;
/** A server, or something before it, that does not wait is not asked without end. */
const PAUSE_MS = 300;

/** Asks for prompts until the signal ends it, or the account was removed here. */
export async function watch(phone: Phone, deviceId: string, signal: AbortSignal): Promise<void> {
  const { store, outside, pause } = phone;
  let failures = 0;
  // The first answer tells how things stand; each after it tells what has changed.
  let asked: { waitSeconds: number; known: readonly string[] } = { waitSeconds: 0, known: [] };
  while (!signal.aborted) {
    try {
      const looked = await look(phone, deviceId, { ...asked, signal });
      if (looked === undefined) return;
      failures = 0;
      asked = { waitSeconds: WAIT_SECONDS, known: looked.known };
      await pause(PAUSE_MS, signal);
    } catch (error) {
      if (signal.aborted) return;
      // What was signed before waits on until its time is over; whatever came now is not shown.
      const prompts = (await store.waiting(deviceId))?.prompts ?? [];
      await store.putWaiting({ deviceId, prompts, problem: codeOf(error) });
      await pause(pauseMs(error, failures, outside), signal);
      failures += 1;
      asked = { waitSeconds: 0, known: [] };
    }
  }
}
