/** W3C Trace Context, version 00. @see https://www.w3.org/TR/trace-context/#traceparent-header */
export interface TraceContext {
  /** 32 hex digits, not all zero. */
  traceId: string;
  /** 16 hex digits, not all zero. */
  spanId: string;
  sampled: boolean;
}

type RandomBytes = (size: number) => Buffer;

const TRACEPARENT = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/;
const ZERO_TRACE = '0'.repeat(32);
const ZERO_SPAN = '0'.repeat(16);

/** @returns undefined when the text is not a valid traceparent; the standard says to start a new trace then. */
export function parseTraceparent(text: string | undefined): TraceContext | undefined {
  const match = text === undefined || text.length > 512 ? null : TRACEPARENT.exec(text);
  if (match === null) return undefined;
  const [, version, traceId, spanId, flags, more] = match;
  if (version === undefined || traceId === undefined || spanId === undefined || flags === undefined) return undefined;
  // Version ff is forbidden; version 00 ends after the flags; later versions may append fields, which we do not read.
  if (version === 'ff' || (version === '00' && more !== undefined)) return undefined;
  if (traceId === ZERO_TRACE || spanId === ZERO_SPAN) return undefined;
  return { traceId, spanId, sampled: (Number.parseInt(flags, 16) & 1) === 1 };
}

export function formatTraceparent(context: TraceContext): string {
  return `00-${context.traceId}-${context.spanId}-${context.sampled ? '01' : '00'}`;
}

export function newTrace(randomBytes: RandomBytes): TraceContext {
  // One draw for both: a draw costs more than the rest of this.
  const bytes = randomBytes(24);
  return { traceId: nonZero(bytes.subarray(0, 16)), spanId: nonZero(bytes.subarray(16)), sampled: true };
}

export function childSpan(parent: TraceContext, randomBytes: RandomBytes): TraceContext {
  return { ...parent, spanId: nonZero(randomBytes(8)) };
}

/** A span of ours below whoever called, or the start of a new trace when they sent none or nonsense. */
export function continueTrace(traceparent: string | undefined, randomBytes: RandomBytes): TraceContext {
  const parent = parseTraceparent(traceparent);
  return parent === undefined ? newTrace(randomBytes) : childSpan(parent, randomBytes);
}

function nonZero(bytes: Buffer): string {
  if (bytes.every((byte) => byte === 0)) bytes[bytes.length - 1] = 1;
  return bytes.toString('hex');
}
