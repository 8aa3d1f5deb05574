export { describeError, type DescribedError, type FieldName, type LogFields } from './fields.ts';
export { createLogger, LOG_LEVELS, silentLogger, type Logger, type LoggerOptions, type LogLevel } from './logger.ts';
export { mask } from './mask.ts';
export { createMetrics, TIME_BUCKETS, type MetricDefinition, type Metrics } from './metrics.ts';
export { pooledRandomBytes } from './random.ts';
export { childSpan, continueTrace, formatTraceparent, newTrace, parseTraceparent, type TraceContext } from './trace.ts';
