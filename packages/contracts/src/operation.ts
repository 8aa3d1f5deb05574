import type { Static, TSchema } from 'typebox';

/** What a caller's credential must carry. `admin` includes every other scope. */
export const SCOPES = [
  'challenge',
  'user.read',
  'user.write',
  'authenticator.write',
  /** Holding passwords against the directory. */
  'password',
  /** What the user portal does for the person who is signed in; each call carries that person's evidence. */
  'portal',
  /** What the mobile app web service hands on for phones; each call carries that phone's signature, or the code that activates one. */
  'device',
  /** What a radius-server asks for its clients, whose secrets it is told. */
  'radius',
  'admin',
] as const;
export type Scope = (typeof SCOPES)[number];

/** `none`: anybody who may publish on the subject; the answer holds nothing secret. */
export type RequiredScope = Scope | 'none';

export interface Operation<Input extends TSchema = TSchema, Output extends TSchema = TSchema> {
  /** `<noun>.<verb>`: the file, the span, the log event and the end of the subject. */
  readonly name: string;
  readonly subject: string;
  readonly scope: RequiredScope;
  /** Whether a repeated Idempotency-Key must find the first answer again. */
  readonly changes: boolean;
  /**
   * Still taken when there is no room for anything new (R26): it ends what was begun before, or is how an operator sees what is wrong.
   */
  readonly urgent: boolean;
  /** Whoever serves it may answer in its own place only: app-servers to inboxes, edges below EDGE_ANSWERS. */
  readonly servedBy: 'app-server' | 'edge';
  readonly input: Input;
  readonly output: Output;
}

export type InputOf<O extends Operation> = Static<O['input']>;
export type OutputOf<O extends Operation> = Static<O['output']>;

/** Of so many places, those that an operation may fill: what is urgent has a quarter more, so that new work never takes the last. */
export function placesFor({ urgent }: Pick<Operation, 'urgent'>, places: number): number {
  return urgent ? places + Math.ceil(places / 4) : places;
}

/** Where edges answer, and administrators listen. No stream hears it, so that nothing an edge says is stored. */
export const EDGE_ANSWERS = 'edge.answer';

/** The one place where the subject of an operation is spelled. */
export function operation<Input extends TSchema, Output extends TSchema>(
  name: string,
  definition: Pick<Operation<Input, Output>, 'scope' | 'changes' | 'input' | 'output'> &
    Partial<Pick<Operation, 'urgent' | 'servedBy'>>,
): Operation<Input, Output> {
  return { name, subject: `mfa.v1.${name}`, urgent: false, servedBy: 'app-server', ...definition };
}
