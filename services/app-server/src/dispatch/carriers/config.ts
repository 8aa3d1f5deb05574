import { readFileSync } from 'node:fs';
import { Type, type Static, type TSchema } from 'typebox';
import { Value } from 'typebox/value';
import { timedStatus } from './callback.ts';
import type { Carrier } from './carrier.ts';
import { isLoopbackHost, type ExchangeLimits } from './exchange.ts';
import { createHttpCarrier } from './http.ts';
import { createInboxCarrier } from './inbox.ts';
import { createGenericCarrier, createTwilioCarrier } from './presets.ts';
import type { Template } from './template.ts';

const closed = { additionalProperties: false } as const;
const Text = Type.String({ minLength: 1, maxLength: 2048 });
const Url = Type.String({
  pattern: '^https?://[^\\s]+$',
  maxLength: 2048,
  description: 'https, or http on this machine.',
});
const CallbackUrl = Type.String({
  pattern: '^https?://[^\\s?#]+$',
  maxLength: 1024,
  description: 'Public address of delivery reports, without a query.',
});
/** Secrets stand elsewhere: this file is shown in tickets and kept in repositories. */
const SecretReference = Type.Union([Type.Object({ env: Text }, closed), Type.Object({ file: Text }, closed)]);
type SecretReference = Static<typeof SecretReference>;

const Connection = {
  connectTimeoutMs: Type.Optional(Type.Integer({ minimum: 100, maximum: 10_000, default: 3000 })),
  timeoutMs: Type.Optional(Type.Integer({ minimum: 500, maximum: 15_000, default: 10_000 })),
  allowPrivateAddresses: Type.Optional(Type.Boolean({ description: 'The gateway stands in our own network.' })),
  caFile: Type.Optional(Text),
};
const Callback = Type.Object({ url: CallbackUrl, secret: SecretReference }, closed);
const JsonTemplate = Type.Unsafe<Template>(Type.Unknown());

/** One row per kind of carrier. */
const KINDS = {
  inbox: Type.Object({ type: Type.Literal('inbox'), url: Url, token: SecretReference, ...Connection }, closed),
  twilio: Type.Object(
    {
      type: Type.Literal('twilio'),
      accountSid: Text,
      authToken: SecretReference,
      apiKey: Type.Optional(Type.Object({ sid: Text, secret: SecretReference }, closed)),
      from: Text,
      url: Type.Optional(Url),
      statusCallbackUrl: Type.Optional(CallbackUrl),
      ...Connection,
    },
    closed,
  ),
  generic: Type.Object(
    {
      type: Type.Literal('generic'),
      url: Url,
      token: Type.Optional(SecretReference),
      from: Type.Optional(Text),
      callback: Type.Optional(Callback),
      ...Connection,
    },
    closed,
  ),
  http: Type.Object(
    {
      type: Type.Literal('http'),
      url: Url,
      method: Type.Optional(Type.Union([Type.Literal('POST'), Type.Literal('PUT')])),
      headers: Type.Optional(Type.Record(Type.String({ pattern: '^[A-Za-z0-9-]{1,64}$' }), Text)),
      json: Type.Optional(JsonTemplate),
      form: Type.Optional(Type.Record(Type.String(), Type.String())),
      secrets: Type.Optional(Type.Record(Type.String({ pattern: '^[A-Za-z0-9_]{1,32}$' }), SecretReference)),
      success: Type.Optional(
        Type.Object({ path: Text, values: Type.Array(Type.String(), { minItems: 1, maxItems: 20 }) }, closed),
      ),
      providerIdPath: Type.Optional(Text),
      reasonPath: Type.Optional(Text),
      unknownStatuses: Type.Optional(Type.Array(Type.Integer({ minimum: 300, maximum: 599 }))),
      callback: Type.Optional(Callback),
      ...Connection,
    },
    closed,
  ),
} as const satisfies Record<string, TSchema>;
type Kind = keyof typeof KINDS;
type SettingsOf<K extends Kind> = Static<(typeof KINDS)[K]>;

export interface CarriersSource {
  /** The text of the file that COUNTERSIGN_CARRIERS_FILE names. */
  text: string;
  /** For secrets given as `{"env": …}`. */
  environment: Readonly<Record<string, string | undefined>>;
  /** For secrets given as `{"file": …}`; reads the file unless given. */
  readFile?: (path: string) => string;
}

/** What is wrong with the carriers, in sentences; no secret is repeated. */
export class CarriersError extends Error {
  override readonly name = 'CarriersError';
  readonly problems: readonly string[];

  constructor(problems: readonly string[]) {
    super(`The carriers are not usable:\n${problems.map((problem) => `  ${problem}`).join('\n')}`);
    this.problems = problems;
  }
}

/**
 * The carriers of `{"carriers": {"<name>": {"type": …}}}`, in the order of the file.
 * @throws CarriersError naming everything that is wrong in one go.
 */
export function readCarriers({ text, environment, readFile = readSecretFile }: CarriersSource): Carrier[] {
  const problems: string[] = [];
  const carriers: Carrier[] = [];
  const document = parse(text);
  if (document === undefined) {
    throw new CarriersError([
      'The file must hold JSON of the form {"carriers": {"<name>": {"type": …}}} and nothing else.',
    ]);
  }
  for (const [name, settings] of Object.entries(document)) {
    const faults = faultsOf(name, settings);
    if (faults.length > 0) {
      problems.push(...faults);
      continue;
    }
    const secret = (reference: SecretReference): string => {
      const [value, where] =
        'env' in reference
          ? [environment[reference.env], `the environment variable ${reference.env}`]
          : [attempt(() => readFile(reference.file)), `the file ${reference.file}`];
      if (value === undefined || value.trim() === '') {
        problems.push(`${name}: ${where} is to hold a secret and holds none.`);
      }
      return (value ?? '').trim();
    };
    try {
      const { type } = settings as { type: Kind };
      carriers.push(MAKERS[type](name, settings as never, secret, limitsOf(settings as SettingsOf<Kind>, readFile)));
    } catch (error) {
      problems.push(error instanceof Error ? error.message : String(error));
    }
  }
  if (problems.length > 0) throw new CarriersError(problems);
  return carriers;
}

type Make<K extends Kind> = (
  name: string,
  settings: SettingsOf<K>,
  secret: (reference: SecretReference) => string,
  limits: ExchangeLimits,
) => Carrier;

const MAKERS: { [K in Kind]: Make<K> } = {
  inbox: (name, { url, token }, secret, limits) => createInboxCarrier(name, { url, token: secret(token) }, limits),
  twilio: (name, { accountSid, authToken, apiKey, from, url, statusCallbackUrl }, secret, limits) =>
    createTwilioCarrier(
      name,
      {
        accountSid,
        authToken: secret(authToken),
        from,
        ...(apiKey !== undefined && { apiKey: { sid: apiKey.sid, secret: secret(apiKey.secret) } }),
        ...(url !== undefined && { url }),
        ...(statusCallbackUrl !== undefined && { statusCallbackUrl }),
      },
      limits,
    ),
  generic: (name, { url, token, from, callback }, secret, limits) =>
    createGenericCarrier(
      name,
      {
        url,
        ...(token !== undefined && { token: secret(token) }),
        ...(from !== undefined && { from }),
        ...(callback !== undefined && { callback: { url: callback.url, secret: secret(callback.secret) } }),
      },
      limits,
    ),
  http: (name, settings, secret, limits) => {
    const { url, method = 'POST', headers = {}, json, form, secrets = {}, success, callback } = settings;
    if ((json === undefined) === (form === undefined)) throw new Error(`${name}: give either json or form.`);
    return createHttpCarrier({
      name,
      method,
      url,
      headers,
      body: form === undefined ? { json: json ?? null } : { form },
      secrets: Object.fromEntries(Object.entries(secrets).map(([key, reference]) => [key, secret(reference)])),
      success: success ?? {},
      ...(settings.providerIdPath !== undefined && { providerIdPath: settings.providerIdPath }),
      ...(settings.reasonPath !== undefined && { reasonPath: settings.reasonPath }),
      unknownStatuses: settings.unknownStatuses ?? [502, 504],
      limits,
      ...(callback !== undefined && {
        readStatus: timedStatus({ url: callback.url, secret: secret(callback.secret) }),
      }),
    });
  },
};

function parse(text: string): Record<string, unknown> | undefined {
  const document = attempt(() => JSON.parse(text) as unknown);
  if (!isRecord(document) || Object.keys(document).some((key) => key !== 'carriers')) return undefined;
  return isRecord(document['carriers']) ? document['carriers'] : undefined;
}

function faultsOf(name: string, settings: unknown): string[] {
  if (!/^[a-z0-9][a-z0-9_-]{0,63}$/.test(name)) {
    return [`${JSON.stringify(name.slice(0, 80))} is no name for a carrier. Use a-z, 0-9, - and _.`];
  }
  const type = isRecord(settings) ? settings['type'] : undefined;
  if (typeof type !== 'string' || !Object.hasOwn(KINDS, type)) {
    return [`${name}: "type" must be one of ${Object.keys(KINDS).join(', ')}.`];
  }
  const schema = KINDS[type as Kind];
  const faults = new Set<string>();
  for (const { keyword, instancePath, message, params } of Value.Errors(schema, settings)) {
    const at = instancePath.slice(1).replaceAll('/', '.');
    if (keyword === 'additionalProperties') {
      const strangers = (params as { additionalProperties?: string[] }).additionalProperties ?? [];
      for (const stranger of strangers) {
        const where = at === '' ? stranger : `${at}.${stranger}`;
        faults.add(`${name}: "${where}" is not a setting of type ${type}${at === '' ? `. ${knownIn(schema)}` : '.'}`);
      }
    } else if (keyword === 'anyOf') {
      faults.add(`${name}: "${at}" must be {"env": "<variable>"} or {"file": "<path>"}.`);
    } else if (keyword === 'required') {
      const missing = (params as { requiredProperties?: string[] }).requiredProperties ?? [];
      for (const property of missing)
        faults.add(`${name}: "${at === '' ? property : `${at}.${property}`}" is missing.`);
    } else if (keyword !== 'boolean') faults.add(`${name}: "${at}" ${message}.`);
  }
  if (faults.size === 0) for (const fault of urlFaults(name, settings as Record<string, unknown>)) faults.add(fault);
  return [...faults];
}

/** TEL-14: messages leave the machine encrypted, and to the host that stands here. */
function urlFaults(name: string, settings: Record<string, unknown>): string[] {
  const { url } = settings;
  if (typeof url !== 'string') return [];
  const address = attempt(() => new URL(url));
  if (address === undefined) return [`${name}: "url" is no address.`];
  if (address.username !== '' || address.password !== '')
    return [`${name}: "url" holds a password. Give it as a secret.`];
  if (address.protocol === 'https:' || isLoopbackHost(address.hostname)) return [];
  return [
    `${name}: "url" must begin with https:// because the code would travel readable. http is for this machine only.`,
  ];
}

function knownIn(schema: TSchema): string {
  const { properties } = schema as { properties?: Record<string, unknown> };
  return `Known: ${Object.keys(properties ?? {}).join(', ')}.`;
}

function limitsOf(settings: SettingsOf<Kind>, readFile: (path: string) => string): ExchangeLimits {
  const { connectTimeoutMs = 3000, timeoutMs = 10_000, allowPrivateAddresses = false, caFile } = settings;
  return {
    connectTimeoutMs,
    timeoutMs,
    allowPrivateAddresses,
    ...(caFile !== undefined && { ca: readFile(caFile) }),
  };
}

function readSecretFile(path: string): string {
  return readFileSync(path, 'utf8');
}

function attempt<T>(work: () => T): T | undefined {
  try {
    return work();
  } catch {
    return undefined;
  }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
