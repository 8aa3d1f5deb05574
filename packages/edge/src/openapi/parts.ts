import type { Operation } from '@countersign/contracts';
import type { TSchema } from 'typebox';

/** `challenge.start` is `ChallengeStart`. */
export function schemaName({ name }: Operation): string {
  return name.replaceAll(/(?:^|\.)(\w)/g, (_, letter: string) => letter.toUpperCase());
}

/** typebox keeps notes of its own beside the JSON Schema. */
export function plainSchema(schema: TSchema): unknown {
  return JSON.parse(JSON.stringify(schema));
}

/** @param description what a key is good for, and what comes without one. */
export function idempotencyKeyParameter(description: string) {
  return {
    name: 'Idempotency-Key',
    in: 'header',
    required: false,
    description,
    schema: { type: 'string', pattern: '^[!-~]{1,128}$' },
    example: '8e03978e-40d5-43e8-bc93-6894a57f9324',
  };
}

/**
 * The headers of answers that every edge gives, for `components`.
 * @param edge what the edge calls itself, and what its first replica is called.
 */
export function answerHeaders(edge: { name: string; replica: string }) {
  return {
    'Countersign-Replica': {
      description: `Which replicas answered: of ${edge.name}, of app-server. For operators.`,
      schema: { type: 'string' },
      example: `${edge.replica}, app-server-2`,
    },
    'Request-Id': { description: 'Names this request in our log.', schema: { type: 'string', format: 'uuid' } },
    'Retry-After': {
      description: 'Seconds to wait before a repetition.',
      schema: { type: 'integer', minimum: 0 },
      example: 2,
    },
  };
}

/** The `headers` of an answer that has these. */
export function headerRefs(names: readonly string[]): Record<string, object> {
  return Object.fromEntries(names.map((name) => [name, { $ref: `#/components/headers/${name}` }]));
}
