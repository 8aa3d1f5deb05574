import { look, type Phone } from '../phone.ts';
import { pauseMs } from '../protocol/backoff.ts';
import { codeOf } from '../protocol/problem.ts';

const WAIT_SECONDS = 25;
/** While something waits, what becomes of it has to be seen soon: a server answers at once as long as anything waits. */
const PAUSE_OPEN_MS = 1500;
/** A server, or something before it, that does not wait is not asked without end. */
const PAUSE_IDLE_MS = 300;

/** Asks for prompts until the signal ends it, or the server does not know this phone any more. */
export async function watch(phone: Phone, deviceId: string, signal: AbortSignal): Promise<void> {
  const { store, outside, pause } = phone;
  let failures = 0;
  // The first answer tells how things stand.
  let waitSeconds = 0;
  while (!signal.aborted) {
    try {
      const looked = await look(phone, deviceId, waitSeconds, signal);
      if (looked === undefined) return;
      const isOpen = looked.prompts.length > 0;
      failures = 0;
      waitSeconds = isOpen ? 0 : WAIT_SECONDS;
      await pause(isOpen ? PAUSE_OPEN_MS : PAUSE_IDLE_MS, signal);
    } catch (error) {
      if (signal.aborted) return;
      // What was signed before waits on until its time is over; whatever came now is not shown.
      const prompts = (await store.waiting(deviceId))?.prompts ?? [];
      await store.putWaiting({ deviceId, prompts, problem: codeOf(error) });
      await pause(pauseMs(error, failures, outside), signal);
      failures += 1;
      waitSeconds = 0;
    }
  }
}
