import type { Policy } from '@countersign/contracts';

/** As of wrong codes: whoever knows only a name must not keep the owner from being asked for longer (R10). */
const LONGEST_SILENCE_SECONDS = 3600;

/**
 * Prompts as a budget of attempts: each that is sent is an attempt, and an approval the right answer (R22, RAD-47). So somebody who knows
 * a password cannot wear its owner down, and prompts that go unanswered come more and more seldom.
 */
export function promptBudget({ prompts, unanswered, coolDownSeconds }: Policy['app']): Policy['attempts'] {
  return {
    free: unanswered,
    firstWaitSeconds: coolDownSeconds,
    longestWaitSeconds: Math.max(coolDownSeconds, LONGEST_SILENCE_SECONDS),
    anywhere: prompts,
    knownDevice: prompts,
  };
}
