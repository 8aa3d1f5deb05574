import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import * as contracts from '@countersign/contracts';
import { beforeAll, describe, expect, test } from 'vitest';
import { PREVIOUS, previousRelease } from './previous-release.ts';
import { brokenPromises, type Contract } from './promise.ts';

interface Promised {
  operations: Contract[];
  errors: string[];
}

/** What a checkout promises, as its own code says it. */
const TELL = `
  import * as contracts from '@countersign/contracts';
  const operations = Object.values(contracts).filter((value) => typeof value?.subject === 'string');
  console.log(JSON.stringify({ operations, errors: Object.keys(contracts.ERRORS) }));
`;

let before: Promised;

beforeAll(async () => {
  const cwd = join(await previousRelease(), 'services', 'app-server');
  const { stdout } = await promisify(execFile)(
    process.execPath,
    ['--conditions=source', '--input-type=module', '--eval', TELL],
    { cwd, maxBuffer: 64 * 1024 * 1024 },
  );
  before = JSON.parse(stdout) as Promised;
});

test('the previous release was read', () => {
  expect(before.operations.length).toBeGreaterThan(25);
  expect(before.errors.length).toBeGreaterThan(20);
});

test('this release keeps every operation that the previous one serves, asks for no more and answers no less', () => {
  const now = Object.values(contracts).filter((value) => typeof (value as Partial<Contract>).subject === 'string');
  const plain = JSON.parse(JSON.stringify(now)) as Contract[];
  expect(plain.length).toBeGreaterThanOrEqual(before.operations.length);
  expect(
    brokenPromises(before.operations, plain),
    `version ${PREVIOUS.version} runs beside this one: add, and take away a release later`,
  ).toEqual([]);
});

test('no error code is gone', () => {
  expect(before.errors.filter((code) => !(code in contracts.ERRORS))).toEqual([]);
});

describe('what counts as taken back', () => {
  const text = { type: 'string' };
  const open = (properties: object, required: string[] = []) => ({ type: 'object', properties, required });
  const closed = (properties: object, required: string[] = []) => ({
    ...open(properties, required),
    additionalProperties: false,
  });
  const contract = (input: object, output: object, more: Partial<Contract> = {}) =>
    ({ name: 'a.b', subject: 'mfa.v1.a.b', scope: 'admin', changes: true, input, output, ...more }) as Contract;
  const inputs = (was: object, is: object) => brokenPromises([contract(was, open({}))], [contract(is, open({}))]);
  const outputs = (was: object, is: object) => brokenPromises([contract(open({}), was)], [contract(open({}), is)]);

  test.each([
    ['an operation', () => brokenPromises([contract(open({}), open({}))], []), 'a.b is gone'],
    [
      'a scope',
      () => brokenPromises([contract(open({}), open({}))], [contract(open({}), open({}), { scope: 'none' })]),
      'a.b has another scope',
    ],
    ['an input field', () => inputs(closed({ a: text }), closed({})), 'a.b input/a is gone'],
    ['a choice', () => inputs(closed({ a: text }), closed({ a: text }, ['a'])), 'a.b input/a is required now'],
    ['a new duty', () => inputs(closed({}), closed({ a: text }, ['a'])), 'a.b input/a is required now'],
    ['openness', () => inputs(open({}), closed({})), 'a.b input is closed now'],
    ['length', () => inputs({ ...text, maxLength: 9 }, { ...text, maxLength: 8 }), 'a.b input has a tighter maxLength'],
    ['any form', () => inputs(text, { ...text, pattern: '^a' }), 'a.b input has a tighter pattern'],
    ['a value', () => inputs({ enum: ['a', 'b'] }, { enum: ['a'] }), 'a.b input does not take b any more'],
    ['any value', () => inputs(text, { enum: ['a'] }), 'a.b input does not take others any more'],
    ['a type', () => inputs(text, { type: 'integer' }), 'a.b input is of another type'],
    ['a branch', () => inputs({ anyOf: [text, { type: 'null' }] }, { anyOf: [text] }), 'a.b input takes one form less'],
    [
      'a field deep in a list',
      () => inputs({ type: 'array', items: closed({ a: text }) }, { type: 'array', items: closed({}) }),
      'a.b input/*/a is gone',
    ],
    ['an output field', () => outputs(open({ a: text }), open({})), 'a.b output/a is gone'],
    [
      'its being there',
      () => outputs(open({ a: text }, ['a']), open({ a: text })),
      'a.b output/a is not always there any more',
    ],
    ['its type', () => outputs(open({ a: text }), open({ a: { type: 'integer' } })), 'a.b output/a is of another type'],
    ['an answer', () => outputs({ enum: ['a', 'b'] }, { enum: ['a'] }), 'a.b output is never b any more'],
  ])('%s', (_what, found, sentence) => expect(found()).toEqual([sentence]));

  test.each([
    ['an operation', () => brokenPromises([], [contract(open({}), open({}))])],
    ['an input field that may be left out', () => inputs(closed({}), closed({ a: text }))],
    ['a value that is taken', () => inputs({ enum: ['a'] }, { enum: ['a', 'b'] })],
    ['length', () => inputs({ ...text, maxLength: 8 }, text)],
    ['a branch', () => inputs(text, { anyOf: [{ type: 'null' }, text] })],
    ['an output field', () => outputs(open({}), open({ a: text }, ['a']))],
    ['an answer', () => outputs({ enum: ['a'] }, { enum: ['a', 'b'] })],
  ])('to add %s is none', (_what, found) => expect(found()).toEqual([]));
});
