import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { permissionsOf } from '@countersign/authority';
import * as contracts from '@countersign/contracts';
import type { Operation } from '@countersign/contracts';
import { expect, test } from 'vitest';
import { read, ROOT, trackedFiles } from './tracked-files.ts';

const operations = Object.entries(contracts as Record<string, unknown>).filter(
  (entry): entry is [string, Operation] =>
    typeof entry[1] === 'object' && entry[1] !== null && 'subject' in entry[1] && 'scope' in entry[1],
);

test('contracts hold operations, each exported under its own name', () => {
  expect(operations.length, 'no operation was found: mend this test').toBeGreaterThan(15);
  const misnamed = operations
    .filter(
      ([exported, { name }]) => exported !== name.replaceAll(/[.-](\w)/g, (_, letter: string) => letter.toUpperCase()),
    )
    .map(([exported, { name }]) => `${exported} is ${name}`);
  expect(misnamed, 'one word everywhere: rename the export or the operation').toEqual([]);
  for (const [, { name, subject }] of operations) expect(subject).toBe(`mfa.v1.${name}`);
});

/** Answered by the edges themselves. */
const isOfEdges = ({ name }: Operation) => name.startsWith('edge.');

test('app-server serves every operation of the contracts, and each edge those of edges', () => {
  const source = read('services/app-server/src/endpoints.ts');
  const missing = operations.filter(([exported, operation]) =>
    isOfEdges(operation)
      ? !new RegExp(`\\b${exported}\\b`).test(read('packages/edge/src/status.ts'))
      : !new RegExp(`\\bcontracts\\.${exported}\\b`).test(source),
  );
  expect(
    missing.map(([exported]) => exported),
    'add a line to services/app-server/src/endpoints.ts, or take the operation out of packages/contracts',
  ).toEqual([]);
});

test('a use case is the file that its operation is called', () => {
  const missing = operations
    .filter(([, operation]) => !isOfEdges(operation))
    .map(([, { name }]) => name)
    // Answered by one line of endpoints.ts (a public key set), or by the part of the service it belongs to.
    .filter((name) => !['keys.jwks', 'message.status'].includes(name))
    .map((name) => `services/app-server/src/${name.replace('.', '/')}.ts`)
    .filter((path) => !existsSync(join(ROOT, path)));
  expect(missing, 'one use case, one file, named by its verb').toEqual([]);
});

test('only packages/contracts spells the subject of an operation', () => {
  const sources = trackedFiles(/\.(ts|mts|mjs|cjs|js|tsx)$/);
  expect(sources.length, 'no source was found: mend this test').toBeGreaterThan(50);
  const spelled = sources
    .filter((path) => !path.startsWith('packages/contracts/') && !/^tests\/(repo|bench)\//.test(path))
    // Tests of the transport, and the bare path of the bench, make up operations that no contract has.
    .filter((path) => /['"`]mfa\.v1\./.test(read(path)) && !path.endsWith('.test.ts'));
  expect(spelled, 'import the operation from @countersign/contracts and use its `subject`').toEqual([]);
});

test('sdk-gateway may ask for exactly the operations that its routes need, each by its name, and for no stream', async () => {
  const { ROUTES } = await import('../../services/sdk-gateway/src/routes.ts');
  const [publish = '', subscribe = ''] = read('infra/nats/sdk-gateway.conf').split(/^subscribe:/m);
  const subjectsOf = (text: string) => [...text.matchAll(/^\s*"([^"]+)"/gm)].map(([, subject = '']) => subject);
  const allowed = subjectsOf(publish);
  const heard = operations.map(([, operation]) => operation).filter(isOfEdges);
  expect(subjectsOf(subscribe), 'an edge hears the operations of edges, and nothing else').toEqual(
    heard.map(({ subject }) => subject),
  );
  expect(
    heard.filter(({ scope, servedBy }) => scope !== 'none' || servedBy !== 'edge').map(({ name }) => name),
    'an edge would hear the credential of whoever asks, or answer where it may not',
  ).toEqual([]);
  const needed = [...ROUTES.map(({ operation }) => operation), contracts.keysJwks, contracts.messageStatus];
  expect(needed.length, 'no route was read: mend this test').toBeGreaterThan(10);
  expect(
    allowed.toSorted(),
    'infra/nats/sdk-gateway.conf names the operations of services/sdk-gateway/src/routes.ts, where edges answer, and nothing else',
  ).toEqual([...needed.map(({ subject }) => subject), `${contracts.EDGE_ANSWERS}.>`].toSorted());
  const files = trackedFiles().filter((file) => /^infra\/nats\/.*\.conf$/.test(file));
  expect(files.length, 'no permissions were read: mend this test').toBeGreaterThan(2);
  expect(
    files.filter((file) => /^\s*allow_responses/m.test(read(file))),
    'allow_responses lets whoever hears a message publish to whatever reply subject it names, the ledger too',
  ).toEqual([]);
  expect(
    needed.filter(({ scope }) => scope === 'admin').map(({ name }) => name),
    'what needs the scope admin is asked for by the command line, and not through an edge',
  ).toEqual([]);
});

test('user-portal may ask for exactly the operations that it asks for, and reaches no stream', () => {
  const folder = 'services/user-portal/src/';
  const sources = trackedFiles(/^services\/user-portal\/src\/.*\.ts$/).filter(
    (path) => !/\.test\.ts$|\/testing\//.test(path),
  );
  const asked = sources.flatMap((path) => [...read(path).matchAll(/\bask\(\s*(\w+)/g)].map(([, name = '']) => name));
  expect(asked.length, 'nothing that it asks for was read: mend this test').toBeGreaterThan(20);
  const known = new Map(operations);
  expect(
    asked.filter((name) => !known.has(name)),
    'name the operation where it is asked for: ask(accountGet, …)',
  ).toEqual([]);
  expect(
    sources.filter((path) =>
      /\{[^}]*\bcall\b[^}]*\} from '@countersign\/bus'|\.nats\.(request|publish|subscribe)\(/.test(read(path)),
    ),
    'ask through the context of a call, which is read here',
  ).toEqual([`${folder}calls/ask.ts`]);
  expect(
    [...new Set(asked)].filter((name) => known.get(name)?.scope === 'admin'),
    'what needs the scope admin is asked for by the command line, and not through an edge',
  ).toEqual([]);

  const { publish, subscribe } = permissionsOf('user-portal');
  const needed = [...asked.map((name) => known.get(name)?.subject ?? ''), `${contracts.EDGE_ANSWERS}.>`];
  expect(
    publish.toSorted(),
    'infra/nats/user-portal.conf names what services/user-portal/src asks for, where edges answer, and nothing else: whoever publishes to a stream makes NATS answer to any subject',
  ).toEqual([...new Set(needed)].toSorted());
  expect(subscribe, 'an edge hears the operations of edges, and nothing else').toEqual([contracts.edgeStatus.subject]);
});

test('mobile-app-web-service may ask for exactly what phones need, each by its name, and for no stream', async () => {
  const { ACTIVATION_ROUTES, DEVICE_ROUTES } = await import('../../services/mobile-app-web-service/src/routes.ts');
  const routed = [...ACTIVATION_ROUTES, ...DEVICE_ROUTES].map(({ operation }) => operation);
  expect(routed.length, 'no route was read: mend this test').toBeGreaterThan(5);
  const needed = [...routed, contracts.deviceLook];
  const { publish, subscribe } = permissionsOf('mobile-app-web-service');
  expect(
    publish.toSorted(),
    'infra/nats/mobile-app-web-service.conf names the operations of its routes.ts, device.look, where edges answer, and nothing else',
  ).toEqual([...needed.map(({ subject }) => subject), `${contracts.EDGE_ANSWERS}.>`].toSorted());
  expect(subscribe, 'it hears the operations of edges, hints to look again, and nothing else').toEqual([
    contracts.edgeStatus.subject,
    `${contracts.PHONE_HINTS}.*`,
  ]);
  expect(
    needed.filter(({ scope }) => scope !== 'device').map(({ name }) => name),
    'whoever takes it over may do what phones may ask for, and app-server checks each by its signature',
  ).toEqual([]);
});

test('radius-server may ask for exactly the operations that it asks for, and reaches no stream', () => {
  const sources = trackedFiles(/^services\/radius-server\/src\/.*\.ts$/).filter((path) => !path.endsWith('.test.ts'));
  const asked = sources.flatMap((path) =>
    [...read(path).matchAll(/\b(?:options\.)?ask\(\s*(radius\w+),/g)].map(([, name = '']) => name),
  );
  expect(asked.length, 'nothing that it asks for was read: mend this test').toBeGreaterThan(4);
  expect(
    sources.filter((path) =>
      /\{[^}]*\bcall\b[^}]*\} from '@countersign\/bus'|\.nats\.(request|publish|subscribe)\(/.test(read(path)),
    ),
    'ask through askFrom, which is read here',
  ).toEqual(['services/radius-server/src/ask-app-server.ts']);
  const known = new Map(operations);
  const [publish = '', subscribe = ''] = read('infra/nats/radius-server.conf').split(/^subscribe:/m);
  const subjectsOf = (text: string) => [...text.matchAll(/^\s*"([^"]+)"/gm)].map(([, subject = '']) => subject);
  expect(
    subjectsOf(publish).toSorted(),
    'infra/nats/radius-server.conf names what services/radius-server/src asks for, where edges answer, and nothing else',
  ).toEqual([...asked.map((name) => known.get(name)?.subject ?? ''), `${contracts.EDGE_ANSWERS}.>`].toSorted());
  expect(subjectsOf(subscribe), 'an edge hears the operations of edges, and nothing else').toEqual([
    contracts.edgeStatus.subject,
  ]);
  expect(
    asked.filter((name) => known.get(name)?.scope !== 'radius'),
    'whoever takes it over may do what RADIUS clients may ask for',
  ).toEqual([]);
});

test('the command line has whatever needs the scope admin, and may ask for operations and nothing else', () => {
  const [publish = ''] = read('infra/nats/admin.conf').split(/^subscribe:/m);
  expect([...publish.matchAll(/^\s*"([^"]+)"/gm)].map(([, subject]) => subject)).toEqual(['mfa.v1.>']);
  const sources = trackedFiles(/^packages\/cli\/src\/.*\.ts$/)
    .filter((path) => !/\.test\.ts$|\/testing\//.test(path))
    .map((path) => read(path))
    .join('\n');
  const missing = operations
    .filter(([exported, { scope }]) => scope === 'admin' && !new RegExp(`\\b${exported}\\b`).test(sources))
    .map(([, { name }]) => name);
  expect(missing, 'add a command to packages/cli/src, in the folder of its noun').toEqual([]);
});
