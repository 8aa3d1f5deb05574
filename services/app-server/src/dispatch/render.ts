import { isGsm7, toGsm7 } from './segments.ts';
import { fillText } from './texts.ts';

export interface RenderInput {
  /** From `textFor`. */
  text: string;
  code: string;
  /** Name of the application, as somebody typed it. */
  application: string;
  /** Host of the page where the code is typed, or null: no origin-bound line. */
  originHost: string | null;
  /** How long the code is good from now, in milliseconds. */
  leftMs: number;
}

/** Somewhat generous: "5 minutes" is still said when a few seconds went by between the answer and the send. */
const ROUNDING_GRACE_MS = 15_000;
const MAX_NAME_CHARACTERS = 64;

/**
 * The text of an SMS. With an origin host, the last line is exactly `@host #code`, so that a phone offers the code on that
 * host and on no other (TEL-01).
 * @see https://wicg.github.io/sms-one-time-codes/
 */
export function renderSms({ text, code, application, originHost, leftMs }: RenderInput): string {
  const name = plainName(application);
  const body = fillText(text, {
    code,
    application: isGsm7(text) ? toGsm7(name) : name,
    minutes: String(Math.max(1, Math.floor((leftMs + ROUNDING_GRACE_MS) / 60_000))),
  }).trimEnd();
  return originHost === null ? body : `${body}\n@${originHost} #${code}`;
}

/**
 * A name that is only a name: on one line, without characters that reorder or hide text, and without the sign that begins an
 * origin-bound line, so that nobody names an application in such a way that the phone offers the code elsewhere.
 */
export function plainName(application: string): string {
  const oneLine = application
    .normalize('NFC')
    .replaceAll(/[\p{Cc}\p{Zl}\p{Zp}\s]+/gu, ' ')
    .replaceAll(/[\p{Cf}\p{Co}\p{Cs}]/gu, '')
    .replaceAll(/[@\uFF20\uFE6B]/g, '(at)')
    .replaceAll('://', ' ')
    .trim();
  return Array.from(oneLine).slice(0, MAX_NAME_CHARACTERS).join('');
}
