import type { Prompt } from '@countersign/device-protocol';
import { useEffect, useState } from 'react';
import type { Phone } from './phone.ts';
import type { Account } from './store/records.ts';
import type { Kept } from './store/store.ts';

export interface Waits {
  readonly account: Account;
  readonly prompt: Prompt;
}

/** What fills the screen, and what was put off. */
export function useAsked(
  phone: Phone,
  kept: Kept | undefined,
): {
  shown: (Waits & { isWaiting: boolean; more: number }) | undefined;
  later: readonly Waits[];
  /** @param isLater it waits on, where it is found. */
  close: (isLater: boolean) => void;
  open: (challengeId: string) => void;
} {
  const [current, setCurrent] = useState<Waits>();
  const [putOff, setPutOff] = useState<ReadonlySet<string>>(new Set());
  const waiting = kept === undefined ? [] : waitingIn(kept, phone.outside.nowMs() + kept.clockOffsetMs);
  const next = waiting.find(({ prompt }) => !putOff.has(prompt.challengeId));
  // It stays until the person has read what became of it, whatever else comes.
  useEffect(() => {
    if (current === undefined && next !== undefined) setCurrent(next);
  }, [current, next]);
  const others = waiting.filter(({ prompt }) => prompt.challengeId !== current?.prompt.challengeId);
  return {
    shown: current && {
      ...current,
      isWaiting: others.length < waiting.length,
      more: others.filter(({ prompt }) => !putOff.has(prompt.challengeId)).length,
    },
    later: current === undefined ? waiting : others,
    close: (isLater) => {
      const id = current?.prompt.challengeId;
      if (isLater && id !== undefined) setPutOff((before) => new Set([...before, id]));
      setCurrent(undefined);
    },
    open: (challengeId) => setCurrent(waiting.find(({ prompt }) => prompt.challengeId === challengeId)),
  };
}

/** Oldest first; what is over is no question any more. */
function waitingIn({ accounts, waiting }: Kept, nowMs: number): readonly Waits[] {
  return accounts
    .filter(({ isGone }) => !isGone)
    .flatMap((account) =>
      (waiting.find(({ deviceId }) => deviceId === account.deviceId)?.prompts ?? []).map((prompt) => ({
        account,
        prompt,
      })),
    )
    .filter(({ prompt }) => prompt.displayed.expiresAt > nowMs)
    .toSorted((one, other) => one.prompt.displayed.createdAt - other.prompt.displayed.createdAt);
}
