import { ERRORS, MfaError } from '@countersign/contracts';
import type { Logger } from './logger.ts';
import type { Metrics } from './metrics.ts';
import { pooledRandomBytes } from './random.ts';
import { createSpanSender } from './span-sender.ts';
import type { Span, SpanAttributes, SpanKind } from './span.ts';
import { currentTrace, withinTrace } from './trace-scope.ts';
import { childSpan, continueTrace, newTrace, parseTraceparent, type TraceContext } from './trace.ts';
import { VERSION } from './version.ts';

export interface SpanOptions {
  kind?: SpanKind;
  attributes?: SpanAttributes;
}

/**
 * The spans of one process. Which traces are recorded is decided by their id alone, so that every process with the same ratio records
 * the same ones whole.
 */
export interface Tracing {
  /** The first span of ours for what a stranger asks: below theirs, or the beginning of a trace. */
  enter(name: string, traceparent: string | undefined, options?: SpanOptions): Span;
  /** A span for what one of our own processes asks or left in a queue, on whose word it is recorded. */
  follow(name: string, traceparent: string | undefined, options?: SpanOptions): Span;
  /** Does the work in a span of its own, below the one under way. Outside of a trace it is just done. */
  span<T>(name: string, options: SpanOptions, work: (span: Span) => Promise<T>): Promise<T>;
  /** Sends what has ended. */
  close(): Promise<void>;
}

export interface TracingOptions {
  /** Where spans go by OTLP/HTTP. Undefined: nothing is recorded. */
  url: string | undefined;
  /** Share of the traces that are recorded, 0 to 1. */
  ratio: number;
  service: string;
  replica: string;
  /** ms since the epoch. */
  now: () => number;
  metrics: Metrics;
  logger: Logger;
}

/** Of the traces' ids: 52 random bits, as many as a number holds exactly. */
const SAMPLED_DIGITS = 13;
const SAMPLED_RANGE = 16 ** SAMPLED_DIGITS;
const CLOCK_WAS_SET_MS = 5;
/** The span under way when nothing is recorded. */
const ENDED = { set: () => undefined, end: () => undefined };

/** Records nothing; ids go on from process to process and into the audit all the same. */
export const noTracing: Tracing = {
  enter: (_name, traceparent) => unrecorded(continueTrace(traceparent, pooledRandomBytes)),
  follow: (_name, traceparent) => unrecorded(continueTrace(traceparent, pooledRandomBytes)),
  span: (_name, _options, work) => work(UNDER_WAY),
  close: () => Promise.resolve(),
};

const UNDER_WAY: Span = {
  ...ENDED,
  get trace() {
    return currentTrace() ?? newTrace(pooledRandomBytes);
  },
};

function unrecorded(trace: TraceContext): Span {
  return { ...ENDED, trace };
}

export function createTracing({ url, ratio, service, replica, now, metrics, logger }: TracingOptions): Tracing {
  if (url === undefined) return noTracing;
  const sender = createSpanSender({ url, resource: { service, replica, version: VERSION }, metrics, logger });
  const clock = steadyClock(now);
  const isChosen = (traceId: string) => Number.parseInt(traceId.slice(-SAMPLED_DIGITS), 16) < ratio * SAMPLED_RANGE;

  function record(name: string, trace: TraceContext, parentSpanId: string | undefined, options: SpanOptions): Span {
    const attributes: SpanAttributes = { ...options.attributes };
    const startMs = clock();
    let hasEnded = false;
    return {
      trace,
      set: (more) => void Object.assign(attributes, more),
      end: (failed = false) => {
        if (hasEnded) return;
        hasEnded = true;
        const { traceId, spanId } = trace;
        const kind = options.kind ?? 'internal';
        sender.take({ name, kind, traceId, spanId, parentSpanId, startMs, endMs: clock(), attributes, failed });
      },
    };
  }

  return {
    enter: (name, traceparent, options = {}) => {
      const parent = parseTraceparent(traceparent);
      const trace = parent === undefined ? newTrace(pooledRandomBytes) : childSpan(parent, pooledRandomBytes);
      const sampled = isChosen(trace.traceId);
      return sampled ? record(name, { ...trace, sampled }, parent?.spanId, options) : unrecorded({ ...trace, sampled });
    },

    follow: (name, traceparent, options = {}) => {
      const parent = parseTraceparent(traceparent);
      const trace = parent === undefined ? newTrace(pooledRandomBytes) : childSpan(parent, pooledRandomBytes);
      return trace.sampled && isChosen(trace.traceId)
        ? record(name, trace, parent?.spanId, options)
        : unrecorded(parent ?? trace);
    },

    span: async (name, options, work) => {
      const parent = currentTrace();
      if (parent === undefined || !parent.sampled || !isChosen(parent.traceId)) return work(UNDER_WAY);
      const span = record(name, childSpan(parent, pooledRandomBytes), parent.spanId, options);
      try {
        const result = await withinTrace(span.trace, () => work(span));
        span.end();
        return result;
      } catch (error) {
        span.set({ 'countersign.code': codeOf(error) });
        span.end(isFailure(error));
        throw error;
      }
    },

    close: () => sender.close(),
  };
}

/** The time of day in fractions of a ms; set anew when somebody has set the clock. */
function steadyClock(now: () => number): () => number {
  let offset = now() - performance.now();
  return () => {
    const uptime = performance.now();
    if (Math.abs(now() - uptime - offset) > CLOCK_WAS_SET_MS) offset = now() - uptime;
    return offset + uptime;
  };
}

/** The code and nothing more: sentences quote what was asked (R24). */
export function codeOf(error: unknown): string {
  return error instanceof MfaError ? error.code : 'INTERNAL';
}

export function isFailure(error: unknown): boolean {
  return !(error instanceof MfaError) || ERRORS[error.code].status >= 500;
}
