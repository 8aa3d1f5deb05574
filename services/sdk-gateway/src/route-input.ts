import { compileValidator, type Validate } from '@countersign/bus';
import { MfaError, type InvalidField } from '@countersign/contracts';
import { isCleanText, parseQuery } from '@countersign/http';
import type { TSchema } from 'typebox';
import type { Route } from './routes.ts';

/** JSON Schema of an object, looked at as data. */
interface ObjectSchema {
  type?: 'object';
  properties: Record<string, TSchema & { type?: string; description?: string }>;
  required?: string[];
}

export interface Parameter {
  /** As the caller writes it. */
  name: string;
  /** As the operation calls it. */
  field: string;
  schema: TSchema & { type?: string };
  isRequired: boolean;
}

/** Where each field of an operation's input comes from. The fields that path and query bring are not fields of the body. */
export interface RouteInput {
  path: readonly Parameter[];
  query: readonly Parameter[];
  /** Undefined for GET. For the others it may be a schema without any property: then the body may be left out. */
  body: BodySchema | undefined;
}

/** An object, or a choice of objects. */
type BodySchema = TSchema & Partial<ObjectSchema> & { anyOf?: ObjectSchema[] };

/** What only our own portal has of a person, and what no application asks by. */
const NOT_OURS = ['evidence'];
const PATH_NAME = /\{(\w+)\}/g;

/** @throws when the route names a field that its operation does not have: a mistake in the table. */
export function inputOf(route: Route): RouteInput {
  const { input } = route.operation;
  const branches = (input as { anyOf?: ObjectSchema[] }).anyOf ?? [input as unknown as ObjectSchema];
  const parameter = (name: string, field: string): Parameter => {
    const schema = branches[0]?.properties[field];
    if (schema === undefined) throw new Error(`${route.operation.name} has no field ${field}`);
    return { name, field, schema, isRequired: branches.every((branch) => branch.required?.includes(field)) };
  };
  const path = [...route.path.matchAll(PATH_NAME)].map(([, name = '']) => parameter(name, name));
  const query = Object.entries(route.query ?? {}).map(([name, field]) => parameter(name, field));
  const elsewhere = new Set([...[...path, ...query].map(({ field }) => field), ...NOT_OURS]);
  const rest = branches.map((branch) => without(branch, elsewhere));
  if (route.method === 'GET' || route.method === 'DELETE') {
    const left = rest.flatMap((branch) => Object.keys(branch.properties));
    if (left.length > 0) throw new Error(`${route.method} ${route.path} leaves no place for ${left.join(', ')}`);
  }
  const [only] = rest;
  const body = (rest.length === 1 ? only : { anyOf: rest }) as unknown as BodySchema;
  return { path, query, body: route.method === 'GET' ? undefined : body };
}

function without(schema: ObjectSchema, fields: ReadonlySet<string>): ObjectSchema {
  const { required = [], properties, ...rest } = schema;
  return {
    ...rest,
    properties: Object.fromEntries(Object.entries(properties).filter(([name]) => !fields.has(name))),
    required: required.filter((name) => !fields.has(name)),
  };
}

/** What a request says, by where it says it. */
export interface Said {
  url: string;
  params: Readonly<Record<string, string>>;
  body: unknown;
}

/**
 * Makes the function that turns a request of this route into the operation's input. Bad input gets its answer here, with
 * pointers into what the caller sent, and never crosses the bus; app-server checks again what does, because it trusts no edge.
 * @throws (the function) MfaError REQUEST_INVALID
 */
export function compileInput(route: Route): (said: Said) => Record<string, unknown> {
  const { path, query, body } = inputOf(route);
  const pathValidators = path.map((parameter) => ({ ...parameter, validate: compileValidator(parameter.schema) }));
  const queryValidators = new Map(
    query.map((parameter) => [parameter.name, { ...parameter, validate: compileValidator(parameter.schema) }]),
  );
  const validateBody: Validate | undefined = body === undefined ? undefined : compileValidator(body);

  return (said) => {
    const input: Record<string, unknown> = {};
    const invalid: InvalidField[] = [];
    for (const { name, field, validate } of pathValidators) {
      const text = said.params[name] ?? '';
      if (!isCleanText(text) || validate(text) !== undefined)
        invalid.push({ pointer: name, message: 'is not of the right form' });
      input[field] = text;
    }
    for (const [name, text] of Object.entries(parseQuery(said.url))) {
      const parameter = queryValidators.get(name);
      if (parameter === undefined) {
        invalid.push({ pointer: name.slice(0, 64).toWellFormed(), message: 'is not a parameter of this request' });
        continue;
      }
      const value = parameter.schema.type === 'integer' && /^\d{1,9}$/.test(text) ? Number(text) : text;
      const wrong = parameter.validate(value);
      if (wrong !== undefined)
        invalid.push({ pointer: name, message: wrong[0]?.message ?? 'is not of the right form' });
      input[parameter.field] = value;
    }
    if (validateBody !== undefined) {
      // An absent body is an empty one, so that whoever needs a field hears which.
      const given = said.body === undefined ? {} : said.body;
      invalid.push(...(validateBody(given) ?? []));
      Object.assign(input, given);
    }
    if (invalid.length > 0) throw new MfaError('REQUEST_INVALID', { invalid });
    return input;
  };
}
