import type { auditFind, OutputOf } from '@countersign/contracts';
import { isObject } from '../policy/path.ts';
import { printable, printableJson } from '../terminal/printable.ts';

export type AuditEvent = OutputOf<typeof auditFind>['events'][number];

const NAMED = ['userId', 'applicationId', 'method', 'reason', 'actor', 'challengeId', 'replica', 'traceId'] as const;

/** One event on one line: when, what, then the rest by name. */
export function eventLine(event: AuditEvent): string {
  const named = NAMED.flatMap((name) => (event[name] === undefined ? [] : [`${name}=${quoted(event[name])}`]));
  const isEmpty = !isObject(event.detail) || Object.keys(event.detail).length === 0;
  const detail = isEmpty ? [] : [printableJson(event.detail)];
  return `${event.at}  ${printable(event.type).padEnd(22)}  ${[...named, ...detail].join(' ')}`.trimEnd();
}

function quoted(text: string): string {
  return /^[\w.:@+-]+$/.test(text) ? text : printableJson(text);
}

/** Tells one event from every other: an attempt may cause several, of different types. */
export function eventKey({ at, type, attemptId, detail }: AuditEvent): string {
  return JSON.stringify([at, type, attemptId, detail]);
}
