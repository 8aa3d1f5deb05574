import type { DeviceAssertion } from '@countersign/contracts';
import {
  passkeyChallenge,
  signDecision,
  verifyOutcome,
  type Answer,
  type Outcome,
  type Prompt,
} from '@countersign/device-protocol';
import type { Device } from './device.ts';
import type { Outside } from './post.ts';
import { poll } from './poll.ts';
import { Problem } from './problem.ts';
import { callSigned, type SignedAnswer } from './signed-call.ts';
import { followKeySets, trustedKeyOf } from './trusted-key.ts';

export interface AnsweredPrompt {
  readonly outcome: Outcome;
  /** The keys of the server that are trusted from now on. */
  readonly keySet: Device['keySet'];
}

interface Asked {
  readonly device: Device;
  readonly clockOffsetMs: number;
  readonly prompt: Prompt;
  readonly answer: Answer;
  /** Asks the passkey of this phone, where it has one, to sign an approval as well. @param challenge base64url. */
  readonly confirm?: ((challenge: string) => Promise<DeviceAssertion>) | undefined;
}

/**
 * Answers a prompt, over exactly what was shown. How the login stands afterwards is what the server signs, not what was pressed. `again`
 * asks once more with the same decision: a server that took it, and whose answer was lost, knows it by what was signed.
 * @throws Problem; NOT_SIGNED: the server may have taken it, and how the login stands cannot be checked.
 */
export async function answerPrompt(
  outside: Outside,
  { device, clockOffsetMs, prompt, answer, confirm }: Asked,
  again: <T>(work: () => Promise<T>) => Promise<T> = (work) => work(),
): Promise<AnsweredPrompt> {
  const at = Math.round(outside.nowMs() + clockOffsetMs);
  const { privateKey, thumbprint } = device.key;
  const decision = await signDecision({ prompt, deviceId: device.deviceId, at }, answer, {
    privateKey,
    keyId: thumbprint,
  });
  // By the key that signed the decision alone: the poll that brought the prompt has told which one the server knows.
  const { nextKey: _, ...withOneKey } = device;
  const passkey = answer.decision === 'approve' ? await confirm?.(await passkeyChallenge(decision)) : undefined;
  const body = { decision, ...(passkey !== undefined && { passkey }), keySet: device.keySet.version };
  const call = { device: withOneKey, clockOffsetMs, call: 'answer', body } as const;
  const answered = await again(() => callSigned(outside, call));
  return verified(outside, withOneKey, { ...answered, challengeId: prompt.challengeId });
}

/** The key may have been changed since the last poll: the sets that lead to it come along, or with another poll. */
async function verified(
  outside: Outside,
  device: Device,
  {
    answer: { outcome: statement, keySets },
    nonce,
    clockOffsetMs,
    challengeId,
  }: SignedAnswer & { challengeId: string },
): Promise<AnsweredPrompt> {
  if (typeof statement !== 'string') throw new Problem('NOT_SIGNED');
  let keySet = Array.isArray(keySets) ? await followKeySets(device.keySet, keySets) : device.keySet;
  let key = await trustedKeyOf(statement, keySet);
  if (key === undefined) {
    const polled = await poll(outside, { device: { ...device, keySet }, clockOffsetMs, waitSeconds: 0 }).catch(() => {
      throw new Problem('NOT_SIGNED');
    });
    ({ keySet } = polled.device);
    key = await trustedKeyOf(statement, keySet);
  }
  const expected = { challengeId, deviceId: device.deviceId, answers: nonce };
  const outcome = key === undefined ? undefined : await verifyOutcome(statement, key, expected);
  if (outcome === undefined) throw new Problem('NOT_SIGNED');
  return { outcome, keySet };
}
