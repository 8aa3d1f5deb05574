import { pino, type DestinationStream, type Logger as Pino } from 'pino';
import { printable, type LogFields } from './fields.ts';
import { currentTrace } from './trace-scope.ts';

export const LOG_LEVELS = ['debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/** `event` is a word from the operation (`challenge.verify`) or `<part>.<what happened>`; data goes into fields. */
type Log = (event: string, fields?: LogFields) => void;

export interface Logger {
  debug: Log;
  info: Log;
  warn: Log;
  error: Log;
  fatal: Log;
  /** A logger whose lines all carry these fields. */
  child(fields: LogFields): Logger;
  /** Waits until what was logged is written. Call it before the process ends. */
  flush(): Promise<void>;
}

export interface LoggerOptions {
  service: string;
  replica: string;
  level?: LogLevel;
  /** Standard output unless given. */
  destination?: DestinationStream;
}

/** A line waits no longer than this for others that are written with it; a process that is killed takes it along. */
const FLUSH_EVERY_MS = 200;
const BUFFER_BYTES = 4096;

/** JSON lines, one per event. Only the fields of `fields.ts` are printed. */
export function createLogger(options: LoggerOptions): Logger {
  const destination =
    options.destination ??
    pino.destination({ dest: 1, sync: false, minLength: BUFFER_BYTES, periodicFlush: FLUSH_EVERY_MS });
  const base = pino(
    {
      level: options.level ?? 'info',
      base: { service: options.service, replica: options.replica },
      messageKey: 'event',
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      // A line that names a trace of its own keeps it.
      mixin: () => {
        const traceId = currentTrace()?.traceId;
        return traceId === undefined ? {} : { traceId };
      },
    },
    destination,
  );
  return wrap(base);
}

/** For tests and for tools whose output is not a log. */
export function silentLogger(): Logger {
  return wrap(pino({ level: 'silent' }));
}

function wrap(log: Pino): Logger {
  const at =
    (level: Exclude<LogLevel, 'silent'>): Log =>
    (event, fields) => {
      if (!log.isLevelEnabled(level)) return;
      if (fields === undefined) log[level](event);
      else log[level](printable(fields), event);
    };
  return {
    debug: at('debug'),
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
    fatal: at('fatal'),
    child: (fields) => wrap(log.child(printable(fields))),
    flush: () => new Promise((resolve) => log.flush(() => resolve())),
  };
}
