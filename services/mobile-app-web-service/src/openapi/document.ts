import { MAX_DEVICE_BODY_BYTES } from '@countersign/contracts';
import {
  answerHeaders,
  headerRefs,
  idempotencyKeyParameter,
  plainSchema,
  PROBLEM_SCHEMA,
  problemResponses,
  schemaName,
} from '@countersign/edge';
import { ACTIVATION_ROUTES, DEVICE_ROUTES, errorsOf, type Route } from '../routes.ts';
import { exampleBody } from './examples.ts';

export interface DescribeOptions {
  /** Configured, never taken from a request (R28). */
  publicUrl: string;
}

const DESCRIPTION = `What an authenticator on a phone asks of Countersign.

**Activate** with what a QR code holds, or with the twelve digits in its place. The phone makes a key of its own and proves that it has it.

**Sign** every request after that with this key: HTTP Message Signatures (RFC 9421), profile \`mfa-device-v1\`. What is signed is the very
text of the body, so send it as it was signed. No request is taken twice: make a new one to repeat.

**Correct the clock** by \`Countersign-Time\`, which every answer carries, when one is refused with CLOCK_WRONG.

**Poll** with \`wait\`, and again when the answer came. 503 with \`Retry-After\` is no answer: that replica stops, or has no room.

**Believe** what the key of the server has signed, which the QR code names, and nothing else.

**Errors** are problems (RFC 9457). Branch on \`code\`; \`title\` and \`detail\` are for people.`;

/** OpenAPI 3.1 of everything in `routes.ts`. */
export function describeApi(options: DescribeOptions): object {
  return {
    openapi: '3.1.0',
    info: {
      title: 'Countersign for authenticators',
      version: '1',
      summary: 'Logins that people approve on their phones',
      description: DESCRIPTION,
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    servers: [{ url: options.publicUrl }],
    tags: [
      { name: 'activation', description: 'A phone becomes known.' },
      { name: 'device', description: 'A phone that is known.' },
    ],
    paths: {
      ...Object.fromEntries(ACTIVATION_ROUTES.map((route) => [route.path, { post: describeActivation(route) }])),
      ...Object.fromEntries(DEVICE_ROUTES.map((route) => [route.path, { post: describeSigned(route) }])),
    },
    components: { schemas: schemas(), headers: HEADERS },
  };
}

function describeActivation(route: Route): object {
  const { operation } = route;
  return { ...describeRoute(route), ...(operation.changes && { parameters: [IDEMPOTENCY_KEY] }) };
}

function describeSigned(route: Route): object {
  return { ...describeRoute(route), parameters: SIGNATURE_HEADERS };
}

function describeRoute(route: Route): object {
  const { operation } = route;
  return {
    operationId: operation.name,
    tags: [operation.name.split('.')[0]],
    security: [],
    summary: route.summary,
    requestBody: {
      required: true,
      content: {
        'application/json': {
          schema: { $ref: `#/components/schemas/${schemaName(operation)}Input` },
          example: exampleBody(route),
        },
      },
    },
    responses: {
      [route.status]: {
        description: 'Done.',
        headers: headerRefs(['Countersign-Time', 'Countersign-Replica', 'Request-Id']),
        content: {
          'application/json': { schema: { $ref: `#/components/schemas/${schemaName(operation)}Output` } },
        },
      },
      ...problemResponses(errorsOf(route)),
    },
  };
}

function schemas(): Record<string, unknown> {
  const found: Record<string, unknown> = { Problem: plainSchema(PROBLEM_SCHEMA) };
  for (const { operation, body, answer = operation.output } of [...ACTIVATION_ROUTES, ...DEVICE_ROUTES]) {
    found[`${schemaName(operation)}Input`] = plainSchema(body);
    found[`${schemaName(operation)}Output`] = plainSchema(answer);
  }
  return found;
}

const IDEMPOTENCY_KEY = idempotencyKeyParameter(
  'Names this request for 24 hours, for this activation, on every replica: a repetition brings the first answer again. Without it, the ' +
    'same request does.',
);

const SIGNATURE_HEADERS = [
  {
    name: 'Signature-Input',
    in: 'header',
    required: true,
    description: 'What is signed, when, and with which key (RFC 9421 section 4.1).',
    schema: { type: 'string', maxLength: 600 },
  },
  {
    name: 'Signature',
    in: 'header',
    required: true,
    description: 'By the key of the phone (RFC 9421 section 4.2).',
    schema: { type: 'string', maxLength: 600 },
  },
  {
    name: 'Content-Digest',
    in: 'header',
    required: true,
    description: `SHA-256 of the body (RFC 9530), which is at most ${MAX_DEVICE_BODY_BYTES} bytes long.`,
    schema: { type: 'string', maxLength: 200 },
  },
] as const;

const HEADERS = {
  'Countersign-Time': {
    description: 'The time here, in milliseconds since 1970.',
    schema: { type: 'integer' },
    example: 1_795_512_600_000,
  },
  ...answerHeaders({ name: 'this service', replica: 'mobile-app-web-service-1' }),
};
