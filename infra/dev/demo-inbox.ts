import { setTimeout as sleep } from 'node:timers/promises';
import type { DevFile } from './dev-file.ts';

const SMS_WITHIN_MS = 15_000;

export interface InboxMessage {
  id: string;
  text: string;
}

/** What a phone has been sent. */
export async function inbox(dev: DevFile, to: string): Promise<InboxMessage[]> {
  const response = await fetch(`${dev.inbox}/api/messages?to=${encodeURIComponent(to)}`);
  return (await response.json()) as InboxMessage[];
}

/**
 * The first message that was not there before.
 * @param startedAt of `performance`; `ms` is counted from there.
 * @throws Error when none comes in time.
 */
export async function newMessage(dev: DevFile, to: string, before: readonly InboxMessage[], startedAt: number) {
  for (;;) {
    const message = (await inbox(dev, to)).find(({ id }) => before.every((older) => older.id !== id));
    const ms = performance.now() - startedAt;
    if (message !== undefined) return { message: message.text, ms };
    if (ms > SMS_WITHIN_MS) throw new Error(`no SMS arrived in the inbox within ${SMS_WITHIN_MS / 1000} s`);
    await sleep(10);
  }
}

/** Empty when there is none. */
export function codeIn(message: string): string {
  return /(?<![0-9+])[0-9]{6,10}(?![0-9])/.exec(message)?.[0] ?? '';
}
