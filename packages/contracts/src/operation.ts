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
  readonly input: Input;
  readonly output: Output;
}

export type InputOf<O extends Operation> = Static<O['input']>;
export type OutputOf<O extends Operation> = Static<O['output']>;

/** The one place where the subject of an operation is spelled. */
export function operation<Input extends TSchema, Output extends TSchema>(
  name: string,
  definition: { scope: RequiredScope; changes: boolean; input: Input; output: Output },
): Operation<Input, Output> {
  return { name, subject: `mfa.v1.${name}`, ...definition };
}
