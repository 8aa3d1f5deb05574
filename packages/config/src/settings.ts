import { Type, type Static, type TObject, type TProperties, type TSchema } from 'typebox';

/**
 * A setting is a typebox schema under the name of its environment variable. `description` says what it is for;
 * `default` makes it optional. Numbers, booleans (`true`/`false`) and lists (comma-separated) are read from text.
 */
export type Settings<Properties extends TProperties = TProperties> = TObject<Properties>;
export type SettingsOf<S extends Settings> = Static<S>;

export function settings<Properties extends TProperties>(properties: Properties): TObject<Properties> {
  return Type.Object(properties);
}

/**
 * Marks a setting whose value must never be shown. It may also come from a file: `NAME_FILE` holds the path, and one
 * line break at the end of the file is not part of the value.
 */
export function secret<Schema extends TSchema>(schema: Schema): Schema & { secret: true } {
  return { ...schema, secret: true };
}

/** Marks a setting that may come from a file like a secret does, but may be shown (a certificate). */
export function fromFile<Schema extends TSchema>(schema: Schema): Schema & { fromFile: true } {
  return { ...schema, fromFile: true };
}

/** What reading needs to know of one setting; the schema is JSON Schema, so it is looked at as data. */
export interface SettingShape {
  type?: string;
  description?: string;
  default?: unknown;
  secret?: true;
  fromFile?: true;
  enum?: unknown[];
  anyOf?: { const?: unknown }[];
  minimum?: number;
  maximum?: number;
  items?: SettingShape;
}

export function shapeOf(schema: TSchema): SettingShape {
  return schema;
}

export function mayComeFromFile(shape: SettingShape): boolean {
  return shape.secret === true || shape.fromFile === true;
}

/** What a value must look like, in words for whoever mends the setting. */
export function expectation(shape: SettingShape): string {
  const choices = shape.enum ?? shape.anyOf?.map((choice) => choice.const);
  if (choices !== undefined) return `one of ${choices.map(String).join(', ')}`;
  if (shape.type === 'boolean') return 'true or false';
  if (shape.type === 'array') return 'a comma-separated list';
  if (shape.type === 'integer' || shape.type === 'number') {
    const kind = shape.type === 'integer' ? 'a whole number' : 'a number';
    if (shape.minimum !== undefined && shape.maximum !== undefined)
      return `${kind} from ${shape.minimum} to ${shape.maximum}`;
    if (shape.minimum !== undefined) return `${kind} of at least ${shape.minimum}`;
    return shape.maximum === undefined ? kind : `${kind} of at most ${shape.maximum}`;
  }
  return 'a text';
}
