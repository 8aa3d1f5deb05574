import { AsyncLocalStorage } from 'node:async_hooks';
import type { TraceContext } from './trace.ts';

const scope = new AsyncLocalStorage<TraceContext>();

/** Of the work under way: the trace that it belongs to, and the span below which its own parts go. */
export function currentTrace(): TraceContext | undefined {
  return scope.getStore();
}

/** Does the work, and everything it waits for, as part of the trace. Two that run at once never see each other's (R25). */
export function withinTrace<T>(trace: TraceContext, work: () => T): T {
  return scope.run(trace, work);
}
