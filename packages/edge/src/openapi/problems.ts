import { ERRORS, type ErrorCode } from '@countersign/contracts';
import { problemType } from '@countersign/http';
import { Type } from 'typebox';

/** RFC 9457 with our members. */
export const PROBLEM_SCHEMA = Type.Object(
  {
    type: Type.String({
      description: 'Path on this server that explains the code.',
      examples: ['/problems/CODE_REJECTED'],
    }),
    code: Type.String({ description: 'What to branch on.', enum: Object.keys(ERRORS) }),
    title: Type.String({ description: 'The code in words.' }),
    status: Type.Integer({ description: 'The HTTP status.' }),
    detail: Type.Optional(Type.String({ description: 'What to do, where there is more to say.' })),
    instance: Type.String({ description: 'urn:uuid: and the id of this request, which the log has too.' }),
    invalid: Type.Optional(
      Type.Array(
        Type.Object({
          pointer: Type.String({
            description:
              'JSON pointer (RFC 6901) into the body, or the name of a header, parameter or part of the path.',
          }),
          message: Type.String(),
        }),
        { description: 'With REQUEST_INVALID: what is wrong.' },
      ),
    ),
  },
  { description: 'Every error (RFC 9457). Members may be added.' },
);

const INSTANCE = 'urn:uuid:3f0c2f6e-7a51-4f0e-9c57-0a3c8f1d2b4e';
const RETRIES: ReadonlySet<ErrorCode> = new Set(['TRY_LATER', 'PRIMARY_UNAVAILABLE', 'UNAVAILABLE']);

/** The `responses` of an OpenAPI operation for these codes: one per status, with an example per code. */
export function problemResponses(codes: readonly ErrorCode[]): Record<string, object> {
  const byStatus = Map.groupBy(codes, (code) => String(ERRORS[code].status));
  return Object.fromEntries([...byStatus].map(([status, group]) => [status, problemResponse(group)]));
}

function problemResponse(codes: readonly ErrorCode[]): object {
  return {
    description: codes.map((code) => `\`${code}\`: ${ERRORS[code].title}`).join('\n\n'),
    headers: {
      'Request-Id': { $ref: '#/components/headers/Request-Id' },
      ...(codes.some((code) => RETRIES.has(code)) && { 'Retry-After': { $ref: '#/components/headers/Retry-After' } }),
    },
    content: {
      'application/problem+json': {
        schema: { $ref: '#/components/schemas/Problem' },
        examples: Object.fromEntries(codes.map((code) => [code, { value: exampleProblem(code) }])),
      },
    },
  };
}

function exampleProblem(code: ErrorCode): object {
  return {
    type: problemType(code),
    code,
    title: ERRORS[code].title,
    status: ERRORS[code].status,
    instance: INSTANCE,
    ...(code === 'REQUEST_INVALID' && { invalid: [{ pointer: '/username', message: 'is required' }] }),
  };
}
