import type { Carrier, OutgoingMessage, SendOutcome } from './carrier.ts';
import { exchange, type Exchange, type ExchangeLimits } from './exchange.ts';
import { fill, fillJson, placeholdersIn, valueAt, type Template, type Values } from './template.ts';

/** Everything that makes one HTTP gateway differ from another. The presets are rows of this. */
export interface HttpCarrier {
  name: string;
  method: 'POST' | 'PUT';
  /** Host and scheme stand as configured; placeholders are filled in percent-encoded. */
  url: string;
  headers: Record<string, string>;
  body: { json: Template } | { form: Record<string, string> };
  /** Filled in as `{{secret.<name>}}`. */
  secrets: Record<string, string>;
  /** What a yes looks like: a status of 200–299, and where a path is given, one of these values in the JSON answer. */
  success: { path?: string; values?: readonly string[] };
  /** Where the answer holds the carrier's id of the message, and where the reason of a no. */
  providerIdPath?: string;
  reasonPath?: string;
  /** Statuses that do not say whether the message was taken; 502 and 504 come from proxies on the way. */
  unknownStatuses: readonly number[];
  limits: ExchangeLimits;
  readStatus?: Carrier['readStatus'];
}

/** A no for a reason that lies with the carrier or its account: the same message may do elsewhere, or later. */
const CARRIER_SIDE: ReadonlySet<number> = new Set([401, 402, 403, 404, 405, 407, 408, 423, 425, 429]);

/** @throws Error with a sentence for the administrator when a template cannot be filled. */
export function createHttpCarrier(definition: HttpCarrier): Carrier {
  const { name, method, limits, readStatus } = definition;
  checkTemplates(definition);
  return {
    name,
    ...(readStatus !== undefined && { readStatus }),
    async send(message) {
      const values = valuesOf(message, definition.secrets);
      const { contentType, body } = bodyOf(definition.body, values);
      const headers: Record<string, string> = { 'content-type': contentType, accept: 'application/json' };
      for (const [header, template] of Object.entries(definition.headers)) {
        headers[header.toLowerCase()] = fill(template, values);
      }
      const url = new URL(fill(definition.url, values, encodeURIComponent));
      return outcomeOf(await exchange({ method, url, headers, body }, limits), definition);
    },
  };
}

/** Addresses end up in other people's logs, so neither number, text nor secret goes there; headers hold no free text. */
const IN_URL: readonly string[] = ['reference', 'idempotencyKey'];
const IN_HEADER: readonly string[] = [...IN_URL, 'to', 'lifeSeconds'];
const IN_BODY: readonly string[] = [...IN_HEADER, 'text'];

/** Once, at the start, so that no message is the first to find out. */
function checkTemplates({ name, url, headers, body, secrets }: HttpCarrier): void {
  const named = Object.keys(secrets).map((key) => `secret.${key}`);
  const parts: [where: string, template: Template, allowed: readonly string[]][] = [
    ['the url', url, IN_URL],
    ['the headers', headers, [...IN_HEADER, ...named]],
    ['the body', 'json' in body ? body.json : body.form, [...IN_BODY, ...named]],
  ];
  for (const [where, template, allowed] of parts) {
    const stranger = placeholdersIn(template).find((placeholder) => !allowed.includes(placeholder));
    if (stranger === undefined) continue;
    throw new Error(`Carrier ${name}: {{${stranger}}} cannot be used in ${where}. Known there: ${allowed.join(', ')}.`);
  }
  if (new URL(url).host.includes('{') || /^[a-z]+:\/\/[^/?#]*\{\{/i.test(url)) {
    throw new Error(`Carrier ${name}: the host of the url must be written out.`);
  }
}

function valuesOf(message: OutgoingMessage, secrets: Record<string, string>): Values {
  const { to, text, reference, lifeSeconds, idempotencyKey } = message;
  const named = Object.entries(secrets).map(([key, value]): [string, string] => [`secret.${key}`, value]);
  return { ...Object.fromEntries(named), to, text, reference, idempotencyKey, lifeSeconds: String(lifeSeconds) };
}

function bodyOf(body: HttpCarrier['body'], values: Values): { contentType: string; body: string } {
  if ('json' in body) return { contentType: 'application/json', body: JSON.stringify(fillJson(body.json, values)) };
  const form = new URLSearchParams();
  for (const [field, template] of Object.entries(body.form)) form.set(field, fill(template, values));
  return { contentType: 'application/x-www-form-urlencoded', body: form.toString() };
}

/** @see TEL-10: only a definite no lets another carrier try. */
function outcomeOf(
  result: Exchange,
  rule: Pick<HttpCarrier, 'success' | 'providerIdPath' | 'reasonPath' | 'unknownStatuses'>,
): SendOutcome {
  if (result.end === 'notSent') return { outcome: 'refused', retriable: true, reason: result.reason };
  if (result.end === 'lost') return { outcome: 'unknown', reason: result.reason };
  const { status } = result;
  if (rule.unknownStatuses.includes(status)) return { outcome: 'unknown', reason: `http_${status}` };
  const answer = parseJson(result.body);
  if (status >= 200 && status <= 299) {
    const { path, values } = rule.success;
    if (path !== undefined && !(values ?? []).includes(valueAt(answer, path) ?? '')) {
      // An answer that cannot be read says nothing; one that can, and says something else, is a no.
      return answer === undefined
        ? { outcome: 'unknown', reason: 'answer_unreadable' }
        : { outcome: 'refused', retriable: false, reason: reasonOf('answer', answer, rule.reasonPath) };
    }
    const providerId = rule.providerIdPath === undefined ? undefined : valueAt(answer, rule.providerIdPath);
    return { outcome: 'accepted', ...(providerId !== undefined && { providerId: providerId.slice(0, 128) }) };
  }
  const retriable = status < 400 || status >= 500 || CARRIER_SIDE.has(status);
  return { outcome: 'refused', retriable, reason: reasonOf(`http_${status}`, answer, rule.reasonPath) };
}

/** The carrier's own word for it, when it is one: a sentence may quote the text, and with it the code (R24). */
function reasonOf(kind: string, answer: unknown, path: string | undefined): string {
  const word = path === undefined ? undefined : valueAt(answer, path);
  return word !== undefined && /^[A-Za-z0-9_.-]{1,32}$/.test(word) ? `${kind}_${word}` : kind;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
