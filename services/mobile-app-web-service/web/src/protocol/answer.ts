import { signDecision, verifyOutcome, type Answer, type Outcome, type Prompt } from '@countersign/device-protocol';
import type { Device } from './device.ts';
import type { Outside } from './post.ts';
import { Problem } from './problem.ts';
import { callSigned } from './signed-call.ts';
import { trustedKeyOf } from './trusted-key.ts';

/**
 * Answers a prompt, over exactly what was shown. How the login stands afterwards is what the server signs, not what was pressed. `again`
 * asks once more with the same decision: a server that took it, and whose answer was lost, knows it by what was signed.
 * @throws Problem.
 */
export async function answerPrompt(
  outside: Outside,
  { device, clockOffsetMs, prompt, answer }: { device: Device; clockOffsetMs: number; prompt: Prompt; answer: Answer },
  again: <T>(work: () => Promise<T>) => Promise<T> = (work) => work(),
): Promise<Outcome> {
  const at = Math.round(outside.nowMs() + clockOffsetMs);
  const { privateKey, thumbprint } = device.key;
  const decision = await signDecision({ prompt, deviceId: device.deviceId, at }, answer, {
    privateKey,
    keyId: thumbprint,
  });
  // By the key that signed the decision alone: the poll that brought the prompt has told which one the server knows.
  const { nextKey: _, ...withOneKey } = device;
  const body = { decision };
  const call = { device: withOneKey, clockOffsetMs, call: 'answer', body } as const;
  const answered = await again(() => callSigned(outside, call));
  const { outcome: statement } = answered.answer;
  const key = await trustedKeyOf(statement, device.keySet);
  const expected = { challengeId: prompt.challengeId, deviceId: device.deviceId, answers: answered.nonce };
  const outcome =
    key === undefined || typeof statement !== 'string' ? undefined : await verifyOutcome(statement, key, expected);
  if (outcome === undefined) throw new Problem('NOT_SIGNED');
  return outcome;
}
