import { mask } from './mask.ts';
import { isAttribute, type FinishedSpan, type SpanKind } from './span.ts';

/** Whose spans these are. */
export interface Resource {
  service: string;
  replica: string;
  version: string;
}

const SCOPE = '@countersign/telemetry';
/** `Span.SpanKind` and `Status.StatusCode` of opentelemetry/proto/trace/v1/trace.proto. */
const KINDS: Readonly<Record<SpanKind, number>> = { internal: 1, server: 2, client: 3, producer: 4, consumer: 5 };
const STATUS_ERROR = 2;

/**
 * The body of one request to a collector.
 * @see https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding: ids in hexadecimal, 64-bit numbers as texts, enums as numbers.
 */
export function encodeSpans({ service, replica, version }: Resource, spans: readonly FinishedSpan[]): string {
  const resource = {
    'service.namespace': 'countersign',
    'service.name': service,
    'service.instance.id': replica,
    'service.version': version,
  };
  return JSON.stringify({
    resourceSpans: [
      {
        resource: { attributes: Object.entries(resource).map(attribute) },
        scopeSpans: [{ scope: { name: SCOPE, version }, spans: spans.map(encodeSpan) }],
      },
    ],
  });
}

function encodeSpan(span: FinishedSpan): object {
  return {
    traceId: span.traceId,
    spanId: span.spanId,
    ...(span.parentSpanId !== undefined && { parentSpanId: span.parentSpanId }),
    name: span.name,
    kind: KINDS[span.kind],
    startTimeUnixNano: nanoseconds(span.startMs),
    endTimeUnixNano: nanoseconds(span.endMs),
    attributes: Object.entries(span.attributes)
      .filter(([name]) => isAttribute(name))
      .map(attribute),
    ...(span.failed && { status: { code: STATUS_ERROR } }),
  };
}

function attribute([key, value]: [string, string | number]): object {
  return { key, value: typeof value === 'number' ? { intValue: String(value) } : { stringValue: mask(value) } };
}

/** To the microsecond, which is as exact as the clock is. */
function nanoseconds(ms: number): string {
  return `${Math.round(ms * 1000)}000`;
}

/** How many of the spans the collector says it did not take. */
export function rejectedOf(body: string): number {
  try {
    const { partialSuccess } = JSON.parse(body) as { partialSuccess?: { rejectedSpans?: string | number } };
    const rejected = Number(partialSuccess?.rejectedSpans ?? 0);
    return Number.isSafeInteger(rejected) && rejected > 0 ? rejected : 0;
  } catch {
    return 0;
  }
}
