import { compileValidator } from '@countersign/bus';
import { ERRORS } from '@countersign/contracts';
import { exampleOf } from '@countersign/edge';
import { Validator } from '@seriousme/openapi-schema-validator';
import { expect, test } from 'vitest';
import { inputOf } from '../route-input.ts';
import { errorsOf, ROUTES } from '../routes.ts';
import { describeApi } from './document.ts';
import { exampleAnswer } from './answers.ts';

interface Described {
  openapi: string;
  servers: { url: string }[];
  paths: Record<string, Record<string, { responses: Record<string, { content?: object }>; operationId: string }>>;
  components: { schemas: Record<string, object>; headers: Record<string, object> };
}
const document = JSON.parse(JSON.stringify(describeApi({ publicUrl: 'https://mfa.example.com' }))) as Described;
const operations = Object.values(document.paths).flatMap((methods) => Object.values(methods));

test('it is OpenAPI 3.1, as a validator of others sees it', async () => {
  expect(document.openapi).toBe('3.1.0');
  expect(await new Validator().validate({ ...document })).toEqual({ valid: true });
});

test('the validator is not asleep', async () => {
  const broken = { ...document, paths: { '/x': { get: { responses: { 200: {} }, parameters: [{ in: 'nowhere' }] } } } };
  expect((await new Validator().validate(broken)).valid).toBe(false);
});

test('every reference leads somewhere', () => {
  const references = [...JSON.stringify(document).matchAll(/"\$ref":"#\/components\/(\w+)\/([^"]+)"/g)];
  expect(references.length).toBeGreaterThan(50);
  for (const [, kind, name] of references) {
    expect(document.components[kind as 'schemas']).toHaveProperty([name ?? '']);
  }
});

test('operations have names of their own', () => {
  const names = operations.map((operation) => operation.operationId);
  expect(new Set(names).size).toBe(names.length);
});

test.each(ROUTES.map((route) => [`${route.method} ${route.path}`, route] as const))(
  '%s: examples are valid, and every error is described with an example',
  (_, route) => {
    const { body } = inputOf(route);
    const branches = body?.anyOf ?? (body === undefined ? [] : [body]);
    for (const branch of branches) expect(compileValidator(branch)(exampleOf(branch))).toBeUndefined();
    expect(compileValidator(route.operation.output)(exampleAnswer(route.operation))).toBeUndefined();

    const described = document.paths[route.path]?.[route.method.toLowerCase()];
    for (const code of errorsOf(route)) {
      const response = described?.responses[String(ERRORS[code].status)];
      expect(JSON.stringify(response)).toContain(`"${code}":{"value"`);
    }
  },
);

test('what only the portal shows, evidence of a sign-in, no application is told of', () => {
  expect(ROUTES.some(({ operation }) => 'evidence' in (operation.input as { properties: object }).properties)).toBe(
    true,
  );
  const bodies = ROUTES.map((route) => JSON.stringify(inputOf(route).body ?? {}));
  expect(bodies.filter((body) => body.includes('"evidence"'))).toEqual([]);
});

test('every error of the contracts that a gateway can pass on is described somewhere', () => {
  const all = JSON.stringify(document.paths);
  const elsewhere = [
    'ACCESS_CODE_NEEDED',
    'ACTIVATION_NOT_FOUND',
    'APPLICATION_NOT_FOUND',
    'APPLICATION_USED',
    'AUTHORITY_MISSING',
    'CLOCK_WRONG',
    'CREDENTIALS_REJECTED',
    'DEVICE_UNKNOWN',
    'DIRECTORY_CONFLICT',
    'DIRECTORY_EXISTS',
    'DIRECTORY_NOT_FOUND',
    'DIRECTORY_UNAVAILABLE',
    'DISPLAY_MISMATCH',
    'JOIN_REFUSED',
    'KEY_NOT_ACCEPTED',
    'LAST_AUTHENTICATOR',
    'METADATA_UNAVAILABLE',
    'NUMBER_WRONG',
    'PASSKEY_NEEDED',
    'PASSKEY_REJECTED',
    'PASSWORD_EXPIRED',
    'PIN_USED_BEFORE',
    'PIN_WEAK',
    'POLICY_CONFLICT',
    'QUESTIONS_MISSING',
    'RADIUS_CLIENT_CONFLICT',
    'RADIUS_CLIENT_EXISTS',
    'RADIUS_CLIENT_NOT_FOUND',
    'RADIUS_UPSTREAM_CONFLICT',
    'RADIUS_UPSTREAM_EXISTS',
    'RADIUS_UPSTREAM_NOT_FOUND',
    'RADIUS_UPSTREAM_UNAVAILABLE',
    'RADIUS_UPSTREAM_USED',
    'RENEWAL_REFUSED',
    'REPLAYED',
    'REPLICA_EXISTS',
    'REPLICA_NOT_FOUND',
    'ROUTE_NOT_FOUND',
    'SIGNATURE_INVALID',
    'SIGN_IN_NEEDED',
    'STEP_UP_NEEDED',
    'UPGRADE_UNFINISHED',
  ];
  const missing = Object.keys(ERRORS).filter((code) => !all.includes(`"${code}"`));
  expect(missing.toSorted()).toEqual(elsewhere);
});

test('R28: the address is the configured one', () => {
  expect(document.servers).toEqual([{ url: 'https://mfa.example.com' }]);
});
