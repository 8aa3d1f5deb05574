import { verifyPrompts, type Prompt } from '@countersign/device-protocol';
import type { Device } from './device.ts';
import type { Outside } from './post.ts';
import { Problem } from './problem.ts';
import { callSigned } from './signed-call.ts';
import { followKeySets, trustedKeyOf } from './trusted-key.ts';

export interface Polled {
  readonly prompts: readonly Prompt[];
  /** With the keys that server and phone trust from now on. */
  readonly device: Device;
  /** What to subscribe to wake-ups with, if the server sends any. Nobody signed it: the worst that a wrong one does is that none comes. */
  readonly pushKey?: string;
  /** Where the phone's clock was said to be wrong: by how much, as the server signed it. */
  readonly learntOffsetMs?: number;
}

/**
 * The logins that wait for this phone. Whatever the server did not sign for this very request is not so much as looked at.
 * @throws Problem.
 */
export async function poll(
  outside: Outside,
  asked: {
    device: Device;
    clockOffsetMs: number;
    waitSeconds: number;
    /** What was told the last time: the answer waits for anything else. */
    known?: readonly string[];
    signal?: AbortSignal | undefined;
  },
): Promise<Polled> {
  const { known = [] } = asked;
  const body = { keySet: asked.device.keySet.version, wait: asked.waitSeconds, known };
  const { answer, nonce, device, clockOffsetMs } = await callSigned(outside, { ...asked, call: 'poll', body });
  const { prompts: statement, keySets, pushKey } = answer;
  if (typeof statement !== 'string' || !Array.isArray(keySets)) throw new Problem('NOT_SIGNED');
  const keySet = await followKeySets(device.keySet, keySets);
  const key = await trustedKeyOf(statement, keySet);
  // There are more of them than one answer holds.
  if (key === undefined && keySets.length > 0) return poll(outside, { ...asked, device: { ...device, keySet } });
  const expected = { deviceId: device.deviceId, answers: nonce };
  const verified = key === undefined ? undefined : await verifyPrompts(statement, key, expected);
  if (verified === undefined) throw new Problem('NOT_SIGNED');
  return {
    prompts: verified.prompts,
    device: { ...device, keySet },
    ...(typeof pushKey === 'string' && { pushKey }),
    ...(clockOffsetMs !== asked.clockOffsetMs && { learntOffsetMs: verified.at - outside.nowMs() }),
  };
}
