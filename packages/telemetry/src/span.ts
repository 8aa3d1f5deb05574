import type { TraceContext } from './trace.ts';

export type SpanKind = 'internal' | 'server' | 'client' | 'producer' | 'consumer';

/**
 * Everything a span may carry (R24), named as in OpenTelemetry's semantic conventions where those have a word. As with the fields of a
 * log, what is not in this list does not leave the process. None of them may hold a code, a key, a phone number or a name of a user.
 */
const ATTRIBUTES = [
  'http.request.method',
  'http.route',
  'http.response.status_code',
  'countersign.operation',
  'countersign.code',
  'countersign.replica',
  'countersign.tries',
  'countersign.stream',
  'countersign.outcome',
  'countersign.event',
  'countersign.lane',
  'countersign.channel',
  'countersign.carrier',
  'countersign.delivery',
] as const;

export type SpanAttribute = (typeof ATTRIBUTES)[number];
export type SpanAttributes = { [Name in SpanAttribute]?: string | number };

const allowed: ReadonlySet<string> = new Set(ATTRIBUTES);

export function isAttribute(name: string): name is SpanAttribute {
  return allowed.has(name);
}

/** One stretch of work. Unrecorded ones cost nothing and carry the trace on all the same. */
export interface Span {
  /** What to send along with whatever this work asks of others. */
  readonly trace: TraceContext;
  set(attributes: SpanAttributes): void;
  /** `failed` is for what an operator should look at; a refusal that the caller earned is none. */
  end(failed?: boolean): void;
}

export interface FinishedSpan {
  name: string;
  kind: SpanKind;
  traceId: string;
  spanId: string;
  parentSpanId: string | undefined;
  /** ms since the epoch, with fractions. */
  startMs: number;
  endMs: number;
  attributes: SpanAttributes;
  failed: boolean;
}
