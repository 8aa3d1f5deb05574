import type { Static, TSchema } from 'typebox';

/** What a caller's credential must carry. `admin` includes every other scope. */
export const SCOPES = ['challenge', 'user.read', 'user.write', 'authenticator.write', 'admin'] as const;
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
  readonly input: Input;
  readonly output: Output;
}

export type InputOf<O extends Operation> = Static<O['input']>;
export type OutputOf<O extends Operation> = Static<O['output']>;

/** Of so many places, those that an operation may fill: what is urgent has a quarter more, so that new work never takes the last. */
export function placesFor({ urgent }: Pick<Operation, 'urgent'>, places: number): number {
  return urgent ? places + Math.ceil(places / 4) : places;
}

/** The one place where the subject of an operation is spelled. */
export function operation<Input extends TSchema, Output extends TSchema>(
  name: string,
  definition: { scope: RequiredScope; changes: boolean; urgent?: boolean; input: Input; output: Output },
): Operation<Input, Output> {
  return { name, subject: `mfa.v1.${name}`, urgent: false, ...definition };
}
