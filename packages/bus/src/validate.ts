import { MfaError, type InvalidField, type Operation } from '@countersign/contracts';
import type { TSchema } from 'typebox';
import { Compile } from 'typebox/compile';
import type { TLocalizedValidationError } from 'typebox/error';

/** @returns what is wrong with the value, or undefined when nothing is. */
export type Validate = (value: unknown) => InvalidField[] | undefined;

const MAX_FIELDS = 10;
const MAX_POINTER = 128;

/** Compiles a schema once. Checking a good value costs well under a microsecond, so every edge can afford it. */
export function compileValidator(schema: TSchema): Validate {
  const compiled = Compile(schema);
  const branches = branchesByType(schema);
  return (value) => {
    if (compiled.Check(value)) return undefined;
    if (branches === undefined || !isObject(value)) return describe(compiled.Errors(value));
    const branch = branches.get(value['type']);
    if (branch !== undefined) return branch(value);
    return [{ pointer: '/type', message: `must be one of ${[...branches.keys()].join(', ')}` }];
  };
}

const compiledInputs = new WeakMap<Operation, Validate>();

/** @throws MfaError REQUEST_INVALID with a JSON pointer for every field that is wrong. Values are never repeated. */
export function checkInput(operation: Operation, input: unknown): void {
  let validate = compiledInputs.get(operation);
  if (validate === undefined) compiledInputs.set(operation, (validate = compileValidator(operation.input)));
  const invalid = validate(input);
  if (invalid !== undefined) throw new MfaError('REQUEST_INVALID', { invalid });
}

const compiledOutputs = new WeakMap<Operation, Validate>();

/** Whether it is what the operation promises; fields of a newer release are let be. */
export function isOutput(operation: Operation, output: unknown): boolean {
  let validate = compiledOutputs.get(operation);
  if (validate === undefined) compiledOutputs.set(operation, (validate = compileValidator(operation.output)));
  return validate(output) === undefined;
}

/** A union of objects told apart by `type` is reported by the branch that was meant, and not by all of them. */
function branchesByType(schema: TSchema): Map<unknown, Validate> | undefined {
  const { anyOf } = schema as { anyOf?: TSchema[] };
  if (anyOf === undefined) return undefined;
  const branches = new Map<unknown, Validate>();
  for (const branch of anyOf) {
    const { properties } = branch as { properties?: { type?: { const?: unknown } } };
    if (properties?.type?.const === undefined) return undefined;
    branches.set(properties.type.const, compileValidator(branch));
  }
  return branches;
}

type Describe = (error: TLocalizedValidationError, constants: readonly unknown[]) => InvalidField[];
const at =
  (message: string): Describe =>
  (error) => [{ pointer: error.instancePath, message }];

/** In our words where typebox's would puzzle a caller; the rest keeps typebox's sentence. */
const DESCRIPTIONS: Partial<Record<TLocalizedValidationError['keyword'], Describe>> = {
  // Comes together with a `boolean` for each field, which says it better.
  additionalProperties: () => [],
  boolean: at('is not a field of this request'),
  required: (error) =>
    (error.params as { requiredProperties: string[] }).requiredProperties.map((name) => ({
      pointer: `${error.instancePath}/${name}`,
      message: 'is required',
    })),
  enum: (error) => [
    {
      pointer: error.instancePath,
      message: `must be one of ${(error.params as { allowedValues: unknown[] }).allowedValues.join(', ')}`,
    },
  ],
  const: () => [],
  anyOf: (error, constants) => [
    {
      pointer: error.instancePath,
      message: constants.length > 0 ? `must be one of ${constants.join(', ')}` : 'has none of the allowed forms',
    },
  ],
};

function describe(errors: readonly TLocalizedValidationError[]): InvalidField[] {
  const fields: InvalidField[] = [];
  for (const error of errors) {
    const constants = errors
      .filter((other) => other.keyword === 'const' && other.instancePath === error.instancePath)
      .map((other) => (other.params as { allowedValue: unknown }).allowedValue);
    const found = DESCRIPTIONS[error.keyword]?.(error, constants) ?? [
      { pointer: error.instancePath, message: error.message },
    ];
    for (const field of found) {
      if (fields.length === MAX_FIELDS) return fields;
      fields.push({ ...field, pointer: field.pointer.slice(0, MAX_POINTER).toWellFormed() });
    }
  }
  return fields;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
