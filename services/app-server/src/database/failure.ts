/** What a failed statement says about the node it ran on. */
export type Failure =
  /** The node is gone, going, not there yet, or silent. */
  | 'lost'
  /** The node is a standby now. Nothing was written. */
  | 'readOnly'
  /** The node lives but has no room, or cancelled the statement. Worth repeating later. */
  | 'busy'
  /** The statement is to blame. */
  | 'statement';

/** No answer within the time limit of the statement; its socket has been destroyed. */
export class QueryTimeout extends Error {
  override readonly name = 'QueryTimeout';
}

/** The socket to a node could not be had, or not in time. Nothing was asked. */
export class ConnectFailed extends Error {
  override readonly name = 'ConnectFailed';
}

/** No connection came about in time: a node that hangs, or a busy machine. A probe will tell. Nothing was asked. */
export class ConnectSlow extends Error {
  override readonly name = 'ConnectSlow';
}

/** The connection broke under a statement. Whether the statement took effect is not known. */
export class ConnectionLost extends Error {
  override readonly name = 'ConnectionLost';
}

/** Too many wait for a connection already, or this one waited too long (R26). Nothing was asked. */
export class PoolBusy extends Error {
  override readonly name = 'PoolBusy';
}

const LOST_ERRORS = [QueryTimeout, ConnectFailed, ConnectSlow, ConnectionLost];
/** @see PostgreSQL documentation, appendix A: error codes. */
const LOST_STATES = new Set(['57P01', '57P02', '57P03', '57P05']);
/** Lock and serialisation trouble, and statements cancelled by time or by recovery on a standby. */
const BUSY_STATES = new Set(['40001', '40P01', '55P03', '57014']);

/** What an error thrown by a statement means. Anything of no known kind is the statement's own. */
export function failureOf(error: unknown): Failure {
  if (error instanceof PoolBusy) return 'busy';
  if (LOST_ERRORS.some((kind) => error instanceof kind)) return 'lost';
  if (!(error instanceof Error)) return 'statement';
  const state = sqlStateOf(error);
  if (state === undefined) return isSocketError(error) ? 'lost' : 'statement';
  if (state === '25006') return 'readOnly';
  if (state.startsWith('08') || LOST_STATES.has(state)) return 'lost';
  if (state.startsWith('53') || BUSY_STATES.has(state)) return 'busy';
  return 'statement';
}

/** The five characters Postgres sent, or undefined when it was not Postgres that refused. */
export function sqlStateOf(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('severity' in error) || !('code' in error)) return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
}

/** Whether a constraint refused the row, and which one. */
export function violatedConstraint(error: unknown): string | undefined {
  if (sqlStateOf(error)?.startsWith('23') !== true) return undefined;
  const { constraint } = error as { constraint?: unknown };
  return typeof constraint === 'string' ? constraint : undefined;
}

function isSocketError(error: Error): boolean {
  return 'syscall' in error && 'errno' in error;
}
