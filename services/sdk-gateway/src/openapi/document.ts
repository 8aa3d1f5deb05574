import { keysJwks, type Operation } from '@countersign/contracts';
import {
  answerHeaders,
  exampleOf,
  headerRefs,
  idempotencyKeyParameter,
  plainSchema,
  PROBLEM_SCHEMA,
  problemResponses,
  schemaName,
} from '@countersign/edge';
import type { TSchema } from 'typebox';
import { inputOf, type Parameter } from '../route-input.ts';
import { COMMON_ERRORS, errorsOf, ROUTES, type Route } from '../routes.ts';
import { exampleAnswer } from './answers.ts';

export interface DescribeOptions {
  /** Configured, never taken from a request (R28). */
  publicUrl: string;
}

const DESCRIPTION = `Countersign asks a person who is signing in for a second factor.

**Authenticate** with an API key, \`Authorization: Bearer csk_…\`, or with a registered client certificate.

**Errors** are problems (RFC 9457). Branch on \`code\`; \`title\` and \`detail\` are for people.

**Repeat** a request that brought no answer, or 503 or 429 after \`Retry-After\`. Give every POST, PATCH and DELETE an
\`Idempotency-Key\`, and a repetition on any replica within 24 hours brings the first answer again and has no second effect.

**Any replica** answers any step: start a challenge here and verify it there.

**Unknown users** get a challenge that looks like any other and is never approved, so that nobody learns who exists.`;

/** OpenAPI 3.1 of everything in `routes.ts`, made of the same schemas that validate. */
export function describeApi(options: DescribeOptions): object {
  const paths: Record<string, Record<string, object>> = {};
  for (const route of ROUTES) {
    (paths[route.path] ??= {})[route.method.toLowerCase()] = describeRoute(route);
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'Countersign SDK',
      version: '1',
      summary: 'Second factors for applications that sign people in',
      description: DESCRIPTION,
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    servers: [{ url: options.publicUrl }],
    security: [{ apiKey: [] }, { clientCertificate: [] }],
    tags: [
      { name: 'challenge', description: 'One login of one person.' },
      { name: 'user', description: 'People who sign in.' },
      { name: 'authenticator', description: 'What people answer with.' },
      { name: 'service', description: 'About this service.' },
    ],
    paths: { ...paths, ...SERVICE_PATHS },
    components: {
      schemas: schemas(),
      headers: answerHeaders({ name: 'this gateway', replica: 'sdk-gateway-1' }),
      securitySchemes: SECURITY,
    },
  };
}

function describeRoute(route: Route): object {
  const { operation } = route;
  const { path, query, body } = inputOf(route);
  const parameters = [
    ...path.map((parameter) => describeParameter(parameter, 'path')),
    ...query.map((parameter) => describeParameter(parameter, 'query')),
    ...(operation.changes ? [IDEMPOTENCY_KEY] : []),
  ];
  return {
    operationId: operation.name,
    tags: [operation.name.split('.')[0]],
    summary: route.summary,
    description: `Needs the scope \`${operation.scope}\`.`,
    ...(parameters.length > 0 && { parameters }),
    ...(body !== undefined && hasFields(body) && { requestBody: describeBody(operation, body) }),
    responses: {
      [route.status]: {
        description: route.status === 201 ? 'Created.' : 'Done.',
        headers: headerRefs(['Countersign-Replica', 'Request-Id']),
        content: {
          'application/json': {
            schema: { $ref: `#/components/schemas/${schemaName(operation)}Output` },
            example: exampleAnswer(operation),
          },
        },
      },
      ...problemResponses(errorsOf(route)),
    },
  };
}

function describeParameter({ name, schema, isRequired }: Parameter, where: 'path' | 'query'): object {
  const { examples, description, ...rest } = plainSchema(schema) as { examples?: unknown[]; description?: string };
  return {
    name,
    in: where,
    required: where === 'path' || isRequired,
    ...(description !== undefined && { description }),
    schema: rest,
    ...(examples?.[0] !== undefined && { example: examples[0] }),
  };
}

function describeBody(operation: Operation, body: TSchema): object {
  const branches = (body as { anyOf?: TSchema[] }).anyOf ?? [body];
  return {
    required: branches.some((branch) => ((branch as { required?: string[] }).required ?? []).length > 0),
    content: {
      'application/json': {
        schema: { $ref: `#/components/schemas/${schemaName(operation)}Input` },
        examples: Object.fromEntries(
          branches.map((branch, index) => [`example${index + 1}`, { value: exampleOf(branch) }]),
        ),
      },
    },
  };
}

function schemas(): Record<string, unknown> {
  const found: Record<string, unknown> = {
    Problem: plainSchema(PROBLEM_SCHEMA),
    KeysJwksOutput: plainSchema(keysJwks.output),
  };
  for (const route of ROUTES) {
    const name = schemaName(route.operation);
    const { body } = inputOf(route);
    if (body !== undefined && hasFields(body)) found[`${name}Input`] = plainSchema(body);
    found[`${name}Output`] = plainSchema(route.operation.output);
  }
  return found;
}

function hasFields(schema: TSchema): boolean {
  const { anyOf, properties = {} } = schema as { anyOf?: unknown[]; properties?: object };
  return anyOf !== undefined || Object.keys(properties).length > 0;
}

const IDEMPOTENCY_KEY = idempotencyKeyParameter(
  'Names this request for 24 hours, for this caller, on every replica: a repetition brings the first answer again. With ' +
    'another body it is refused with IDEMPOTENCY_KEY_REUSED.',
);

const SECURITY = {
  apiKey: {
    type: 'http',
    scheme: 'bearer',
    bearerFormat: 'csk_<key id>_<secret>',
    description:
      'An API key, shown once when it is made. Several are valid at a time, so that a change needs no outage.',
  },
  clientCertificate: {
    type: 'mutualTLS',
    description: 'A client certificate whose fingerprint is registered. Not looked at when Authorization is sent.',
  },
} as const;

const NO_CREDENTIAL = { security: [] };
const PUBLIC_ERRORS = COMMON_ERRORS.filter((code) => code !== 'UNAUTHENTICATED' && code !== 'FORBIDDEN');

const SERVICE_PATHS = {
  '/.well-known/jwks.json': {
    get: {
      ...NO_CREDENTIAL,
      operationId: keysJwks.name,
      tags: ['service'],
      summary: 'The public keys that verify results, as a JWK set (RFC 7517)',
      responses: {
        200: {
          description: 'Every key that signs, has signed lately, or will sign soon.',
          content: {
            'application/jwk-set+json': {
              schema: { $ref: '#/components/schemas/KeysJwksOutput' },
              example: exampleAnswer(keysJwks),
            },
          },
        },
        ...problemResponses(['INTERNAL', 'UNAVAILABLE']),
      },
    },
  },
  '/v1/carriers/{carrier}/status': {
    post: {
      ...NO_CREDENTIAL,
      operationId: 'message.status',
      tags: ['service'],
      summary: 'For carriers: what became of a message, signed by the carrier',
      parameters: [
        { name: 'carrier', in: 'path', required: true, schema: { type: 'string', maxLength: 64 }, example: 'twilio' },
      ],
      requestBody: { required: true, content: { '*/*': { schema: {} } } },
      responses: { 204: { description: 'Taken.' }, ...problemResponses(PUBLIC_ERRORS) },
    },
  },
  '/health/live': {
    get: {
      ...NO_CREDENTIAL,
      operationId: 'health.live',
      tags: ['service'],
      summary: 'The process runs',
      responses: { 200: { description: 'It does.' } },
    },
  },
  '/health/ready': {
    get: {
      ...NO_CREDENTIAL,
      operationId: 'health.ready',
      tags: ['service'],
      summary: 'This replica can do its work: for balancers',
      responses: { 200: { description: 'It can.' }, 503: { description: 'Use another one.' } },
    },
  },
} as const;
