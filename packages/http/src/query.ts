import { MfaError } from '@countersign/contracts';
import { isCleanText } from './strict-json.ts';

const MAX_PARAMETERS = 32;

/**
 * The parameters of a URL's query, each name at most once, decoded as UTF-8.
 * @throws MfaError REQUEST_INVALID
 */
export function parseQuery(url: string): Record<string, string> {
  const start = url.indexOf('?');
  const parameters: Record<string, string> = Object.create(null) as Record<string, string>;
  if (start === -1) return parameters;
  const pairs = url.slice(start + 1).split('&');
  if (pairs.length > MAX_PARAMETERS) throw refuse('', `has more than ${MAX_PARAMETERS} parameters`);
  for (const pair of pairs) {
    if (pair === '') continue;
    const equals = pair.indexOf('=');
    const name = decode(equals === -1 ? pair : pair.slice(0, equals));
    if (name in parameters) throw refuse(name.slice(0, 64).toWellFormed(), 'is given twice');
    parameters[name] = equals === -1 ? '' : decode(pair.slice(equals + 1));
  }
  return parameters;
}

function decode(text: string): string {
  let decoded: string;
  try {
    decoded = decodeURIComponent(text.replaceAll('+', ' '));
  } catch {
    throw refuse('', 'has a parameter that is not UTF-8');
  }
  if (!isCleanText(decoded)) throw refuse('', 'has a parameter with NUL');
  return decoded;
}

function refuse(pointer: string, message: string): MfaError {
  return new MfaError('REQUEST_INVALID', { invalid: [{ pointer: pointer === '' ? 'query' : pointer, message }] });
}
