import { isTime } from './of-ledger.ts';
import type { Projected, StreamMessage } from './projected.ts';
import type { TrailMessage } from './trail.ts';

const decoder = new TextDecoder();

/** @throws when it is not a message that Trail.record wrote. */
export function projectTrail(message: StreamMessage): Projected {
  const event = JSON.parse(decoder.decode(message.data)) as TrailMessage;
  if (!isTime(event.at) || typeof event.type !== 'string') throw new Error('not an event of the trail');
  return {
    row: {
      at: event.at,
      sequence: message.sequence,
      attempt_id: event.attemptId,
      type: event.type,
      user_id: event.userId,
      application_id: event.applicationId,
      challenge_id: event.challengeId,
      method: event.method,
      reason: event.reason,
      actor: event.actor,
      replica: event.replica,
      trace_id: event.traceId,
      detail: typeof event.detail === 'object' && event.detail !== null ? event.detail : {},
    },
  };
}
