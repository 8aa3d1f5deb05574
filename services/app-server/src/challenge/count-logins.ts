import type { MetricDefinition, Metrics } from '@countersign/telemetry';
import type { UserEvent } from './events.ts';
import type { UserState } from './state.ts';

const LOGINS = {
  name: 'countersign_logins_total',
  help: 'Steps of logins by method: started, decoy (nobody who could answer), approved, why a code was not accepted, or what was said on a phone (denied, number, fraud).',
  labels: ['method', 'result'],
} as const satisfies MetricDefinition;

interface Decided {
  event: UserEvent;
  state: Pick<UserState, 'open'>;
}

/** Counts what the ledger recorded. An attempt that is repeated counts again; enrolments do not count. */
export function countLogins(metrics: Metrics): (decided: Decided) => void {
  const logins = metrics.counter(LOGINS);
  return (decided) => {
    const step = stepOf(decided);
    if (step !== undefined) logins.inc(step);
  };
}

function stepOf({ event, state }: Decided): { method: string; result: string } | undefined {
  if (event.type === 'challenge.started') {
    const { method, purpose } = event.challenge;
    return purpose === 'login' ? { method, result: event.decoy === true ? 'decoy' : 'started' } : undefined;
  }
  if (event.type === 'challenge.approved') {
    return event.purpose === 'login' ? { method: event.method, result: 'approved' } : undefined;
  }
  if (event.type === 'challenge.denied' && event.method === 'app') {
    return { method: event.method, result: event.reason };
  }
  if (event.type === 'code.rejected' || event.type === 'assertion.rejected') {
    const { method, reason } = event;
    const purpose = state.open.find(({ key }) => key === event.key)?.purpose;
    return purpose === 'enrol' ? undefined : { method, result: reason };
  }
  if (event.type === 'invitation.accepted') return { method: event.method, result: 'approved' };
  return event.type === 'bypass.used' ? { method: 'bypass', result: 'approved' } : undefined;
}
