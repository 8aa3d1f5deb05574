import { compileValidator } from '@countersign/bus';
import { ERRORS } from '@countersign/contracts';
import { Validator } from '@seriousme/openapi-schema-validator';
import { expect, test } from 'vitest';
import { ACTIVATION_ROUTES, DEVICE_ROUTES, errorsOf } from '../routes.ts';
import { describeApi } from './document.ts';

interface Described {
  operationId: string;
  requestBody: { content: Record<string, { example: unknown }> };
  responses: Record<string, object>;
  parameters?: { name: string; required: boolean }[];
}
interface Document {
  servers: { url: string }[];
  paths: Record<string, Record<string, Described>>;
  components: { schemas: Record<string, object>; headers: Record<string, object> };
}
const document = JSON.parse(JSON.stringify(describeApi({ publicUrl: 'https://phones.example.com' }))) as Document;
const routes = [...ACTIVATION_ROUTES, ...DEVICE_ROUTES];

test('it is OpenAPI 3.1, as a validator of others sees it', async () => {
  expect(await new Validator().validate({ ...document })).toEqual({ valid: true });
});

test('every reference leads somewhere', () => {
  const references = [...JSON.stringify(document).matchAll(/"\$ref":"#\/components\/(\w+)\/([^"]+)"/g)];
  expect(references.length).toBeGreaterThan(30);
  for (const [, kind, name] of references) {
    expect(document.components[kind as 'schemas']).toHaveProperty([name ?? '']);
  }
});

test('it describes the routes that there are, and the configured address', () => {
  expect(Object.keys(document.paths)).toEqual(routes.map(({ path }) => path));
  expect(document.servers).toEqual([{ url: 'https://phones.example.com' }]);
});

test.each(routes.map((route) => [route.path, route] as const))(
  '%s: its example is valid, and every error is described with an example',
  (path, route) => {
    const described = document.paths[path]?.['post'];
    expect(described?.operationId).toBe(route.operation.name);
    const example = described?.requestBody.content['application/json']?.example;
    expect(compileValidator(route.body)(example)).toBeUndefined();
    for (const code of errorsOf(route)) {
      expect(JSON.stringify(described?.responses[String(ERRORS[code].status)])).toContain(`"${code}":{"value"`);
    }
  },
);

test.each(DEVICE_ROUTES.map(({ path }) => path))('%s: says what has to be signed', (path) => {
  const required = document.paths[path]?.['post']?.parameters?.filter((parameter) => parameter.required);
  expect(required?.map(({ name }) => name)).toEqual(['Signature-Input', 'Signature', 'Content-Digest']);
});
