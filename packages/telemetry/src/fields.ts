import { mask } from './mask.ts';

/**
 * Everything a log line may carry (R24, APP-30). A field that is not in this list is not printed: adding one is a
 * decision that somebody reads in review. None of them may hold a code, a key, a password, a full phone number or
 * anything else that helps to get in.
 */
const FIELDS = [
  // what was asked, by whom it was answered
  'operation',
  'route',
  'method',
  'status',
  'code',
  'reason',
  'replica',
  'queue',
  'ms',
  'tries',
  // ids: random, and useless without a credential
  'requestId',
  'attemptId',
  'traceId',
  'challengeId',
  'userId',
  'applicationId',
  'clientId',
  'authenticatorId',
  'keyId',
  'messageId',
  // the plumbing
  'subject',
  'stream',
  'consumer',
  'sequence',
  'conflicts',
  'lagMs',
  'skewMs',
  'count',
  'inFlight',
  'limit',
  'attempt',
  'bytes',
  'server',
  'host',
  'port',
  'address',
  'url',
  'path',
  'setting',
  'settings',
  'version',
  'pid',
  'role',
  'migration',
  'carrier',
  'channel',
  'check',
  'ok',
  'detail',
  'advice',
  'signal',
  'error',
] as const;

export type FieldName = (typeof FIELDS)[number];
type Printable = string | number | boolean | null | undefined | readonly string[];
export type LogFields = { [Name in Exclude<FieldName, 'error'>]?: Printable } & { error?: unknown };

const allowed: ReadonlySet<string> = new Set(FIELDS);

/** Keeps what the list allows, masks texts, and names what it dropped so that the loss is noticed and not silent. */
export function printable(fields: LogFields): Record<string, unknown> {
  const line: Record<string, unknown> = {};
  let dropped: string[] | undefined;
  for (const [name, value] of Object.entries(fields)) {
    if (value === undefined) continue;
    if (!allowed.has(name)) (dropped ??= []).push(mask(name));
    else line[name] = name === 'error' ? describeError(value) : printableValue(value);
  }
  if (dropped !== undefined) line['dropped'] = dropped;
  return line;
}

function printableValue(value: unknown): unknown {
  if (typeof value === 'string') return mask(value);
  if (Array.isArray(value)) return value.map((entry) => mask(String(entry)));
  return typeof value === 'object' && value !== null ? '[object]' : value;
}

export interface DescribedError {
  name: string;
  message: string;
  code?: string;
  reason?: string;
  stack?: string;
  cause?: DescribedError;
}

const MAX_CAUSES = 4;

/**
 * Name, message, code, stack and causes. Other properties stay out: a database error carries rows and parameters, an
 * HTTP error carries bodies.
 */
export function describeError(error: unknown, depth = 0): DescribedError {
  if (!(error instanceof Error)) return { name: typeof error, message: mask(String(error)) };
  const { code, reason } = error as { code?: unknown; reason?: unknown };
  return {
    name: error.name,
    message: maskError(error.message),
    ...(typeof code === 'string' && { code: mask(code) }),
    ...(typeof reason === 'string' && { reason: maskError(reason) }),
    ...(error.stack !== undefined && { stack: maskError(error.stack) }),
    ...(error.cause !== undefined && depth < MAX_CAUSES && { cause: describeError(error.cause, depth + 1) }),
  };
}

/** Other people's sentences may quote their input, so runs of digits as long as a one-time code go too. */
function maskError(text: string): string {
  return mask(text).replaceAll(/(?<![\w.-])\d{6,10}(?![\w-])/g, '[digits]');
}
