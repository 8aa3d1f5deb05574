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
import { Problem } from './problem.ts';
import { callSigned } from './signed-call.ts';
import { trustedKeyOf } from './trusted-key.ts';

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
 * @throws Problem.
 */
export async function answerPrompt(
  outside: Outside,
  { device, clockOffsetMs, prompt, answer, confirm }: Asked,
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
  const passkey = answer.decision === 'approve' ? await confirm?.(await passkeyChallenge(decision)) : undefined;
  const body = { decision, ...(passkey !== undefined && { passkey }) };
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
