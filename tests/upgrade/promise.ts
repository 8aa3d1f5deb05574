interface Schema {
  type?: string;
  enum?: unknown[];
  const?: unknown;
  anyOf?: Schema[];
  properties?: Record<string, Schema>;
  required?: string[];
  additionalProperties?: boolean | Schema;
  patternProperties?: Record<string, Schema>;
  items?: Schema;
  [keyword: string]: unknown;
}

export interface Contract {
  name: string;
  subject: string;
  scope: string;
  changes: boolean;
  input: Schema;
  output: Schema;
}

/** A bound of which a smaller value lets more in, and one of which a greater does. */
const LOWER_BOUNDS = ['minimum', 'exclusiveMinimum', 'minLength', 'minItems', 'minProperties'] as const;
const UPPER_BOUNDS = ['maximum', 'exclusiveMaximum', 'maxLength', 'maxItems', 'maxProperties'] as const;
const FORMS = ['pattern', 'format', 'uniqueItems', 'multipleOf'] as const;

/**
 * What a release took back of what the one before promised.
 * @returns a sentence for each; none when callers of either work with servers of either.
 */
export function brokenPromises(before: readonly Contract[], after: readonly Contract[]): string[] {
  return before.flatMap((old) => {
    const { name } = old;
    const now = after.find((contract) => contract.name === name);
    if (now === undefined) return [`${name} is gone`];
    const kept = (['subject', 'scope', 'changes'] as const)
      .filter((field) => old[field] !== now[field])
      .map((field) => `${name} has another ${field}`);
    return [
      ...kept,
      ...refused(`${name} input`, old.input, now.input),
      ...missed(`${name} output`, old.output, now.output),
    ];
  });
}

/** What callers of the release before may send and would now be told is wrong. */
function refused(path: string, before: Schema, now: Schema): string[] {
  if (now.anyOf !== undefined) {
    return branchesOf(before).flatMap((branch) =>
      now.anyOf?.some((candidate) => refused(path, branch, candidate).length === 0)
        ? []
        : [`${path} takes one form less`],
    );
  }
  if (before.anyOf !== undefined) return before.anyOf.flatMap((branch) => refused(path, branch, now));
  const allowed = valuesOf(now);
  if (allowed !== undefined) {
    const gone = valuesOf(before)?.filter((value) => !allowed.includes(value)) ?? ['others'];
    return gone.map((value) => `${path} does not take ${String(value)} any more`);
  }
  if (before.type !== now.type && now.type !== undefined && valuesOf(before) === undefined)
    return [`${path} is of another type`];
  return [
    ...tighter(path, before, now),
    ...(now.required ?? [])
      .filter((field) => !before.required?.includes(field))
      .map((field) => `${path}/${field} is required now`),
    ...Object.entries(before.properties ?? {}).flatMap(([field, schema]) => {
      const other = now.properties?.[field];
      if (other !== undefined) return refused(`${path}/${field}`, schema, other);
      return now.additionalProperties === false ? [`${path}/${field} is gone`] : [];
    }),
    ...(before.items !== undefined && now.items !== undefined ? refused(`${path}/*`, before.items, now.items) : []),
    ...(now.additionalProperties === false && before.additionalProperties !== false ? [`${path} is closed now`] : []),
  ];
}

/** What callers of the release before may look for in an answer and would not find. More than they know is let be. */
function missed(path: string, before: Schema, now: Schema): string[] {
  if (before.anyOf !== undefined || now.anyOf !== undefined) {
    return branchesOf(before).flatMap((branch) =>
      branchesOf(now).some((candidate) => missed(path, branch, candidate).length === 0)
        ? []
        : [`${path} has one form less`],
    );
  }
  const values = valuesOf(now);
  const gone = values === undefined ? [] : (valuesOf(before) ?? []).filter((value) => !values.includes(value));
  if (gone.length > 0) return gone.map((value) => `${path} is never ${String(value)} any more`);
  if (before.type !== now.type) return [`${path} is of another type`];
  return [
    ...Object.entries(before.properties ?? {}).flatMap(([field, schema]) => {
      const other = now.properties?.[field];
      return other === undefined ? [`${path}/${field} is gone`] : missed(`${path}/${field}`, schema, other);
    }),
    ...(before.required ?? [])
      .filter((field) => now.properties?.[field] !== undefined && !now.required?.includes(field))
      .map((field) => `${path}/${field} is not always there any more`),
    ...(before.items !== undefined && now.items !== undefined ? missed(`${path}/*`, before.items, now.items) : []),
  ];
}

function tighter(path: string, before: Schema, now: Schema): string[] {
  const bound = (keyword: string, schema: Schema, without: number) =>
    (schema[keyword] as number | undefined) ?? without;
  const isTighter = [
    ...LOWER_BOUNDS.filter((keyword) => bound(keyword, now, -Infinity) > bound(keyword, before, -Infinity)),
    ...UPPER_BOUNDS.filter((keyword) => bound(keyword, now, Infinity) < bound(keyword, before, Infinity)),
    ...FORMS.filter((keyword) => now[keyword] !== undefined && now[keyword] !== before[keyword]),
  ];
  return isTighter.map((keyword) => `${path} has a tighter ${keyword}`);
}

function branchesOf(schema: Schema): Schema[] {
  return schema.anyOf ?? [schema];
}

function valuesOf({ enum: values, const: only }: Schema): unknown[] | undefined {
  return only === undefined ? values : [only];
}
