import { describe, expect, test } from 'vitest';
import { compileInput, inputOf } from './route-input.ts';
import { ROUTES } from './routes.ts';

const userId = '1b4e28ba-2fa1-4d9a-8f1c-0c2d7f3a9e11';
const authenticatorId = '2c5f39cb-3fb2-4e0b-9f2d-1d3e804bafa2';

function read(name: string, said: { url?: string; params?: Record<string, string>; body?: unknown }) {
  const route = ROUTES.find(({ operation }) => operation.name === name);
  if (route === undefined) throw new Error(`no route for ${name}`);
  try {
    return compileInput(route)({ url: '/', params: {}, body: undefined, ...said });
  } catch (error) {
    return (error as { invalid?: unknown }).invalid;
  }
}

test('every route of the table fits its operation', () => {
  for (const route of ROUTES) {
    const { path, query, body } = inputOf(route);
    const inBody = Object.keys(body?.properties ?? {});
    const places = [...path, ...query].map(({ field }) => field);
    expect(places.filter((field) => inBody.includes(field))).toEqual([]);
    expect(() => compileInput(route)).not.toThrow();
  }
  expect(new Set(ROUTES.map(({ method, path }) => `${method} ${path}`)).size).toBe(ROUTES.length);
});

describe('what a request says, from wherever it says it, becomes one input', () => {
  test.each([
    ['challenge.start', { body: { username: 'alice' } }, { username: 'alice' }],
    ['challenge.get', { url: '/v1/x?wait=30', params: { challengeId: 'c' } }, { challengeId: 'c', waitSeconds: 30 }],
    ['challenge.cancel', { params: { challengeId: 'c' } }, { challengeId: 'c' }],
    ['challenge.cancel', { params: { challengeId: 'c' }, body: {} }, { challengeId: 'c' }],
    ['user.find', { url: '/v1/users?prefix=%C3%A4+b&limit=5' }, { prefix: 'ä b', limit: 5 }],
    ['user.update', { params: { userId }, body: { status: 'disabled' } }, { userId, status: 'disabled' }],
    [
      'authenticator.enrol',
      { params: { userId }, body: { type: 'totp', digits: 8 } },
      { userId, type: 'totp', digits: 8 },
    ],
    ['authenticator.remove', { params: { userId, authenticatorId } }, { userId, authenticatorId }],
  ])('%s %j', (name, said, input) => expect(read(name, said)).toEqual(input));
});

const form = 'is not of the right form';
describe('what is wrong is told with a pointer into what the caller sent', () => {
  test.each([
    ['challenge.start', {}, [{ pointer: '/username', message: 'is required' }]],
    ['challenge.start', { body: [] }, [{ pointer: '', message: 'must be object' }]],
    ['challenge.start', { body: null }, [{ pointer: '', message: 'must be object' }]],
    ['challenge.cancel', { params: { challengeId: 'c' }, body: null }, [{ pointer: '', message: 'must be object' }]],
    [
      'challenge.start',
      { url: '/?x=1', body: { username: 'a' } },
      [{ pointer: 'x', message: 'is not a parameter of this request' }],
    ],
    [
      'challenge.verify',
      { params: { challengeId: 'c' }, body: { code: '1', challengeId: 'd' } },
      [{ pointer: '/challengeId', message: 'is not a field of this request' }],
    ],
    ['challenge.cancel', { params: { challengeId: 'c\u0000' } }, [{ pointer: 'challengeId', message: form }]],
    [
      'challenge.get',
      { url: '/?wait=31', params: { challengeId: 'c' } },
      [{ pointer: 'wait', message: 'must be <= 30' }],
    ],
    [
      'challenge.get',
      { url: '/?wait=1e1', params: { challengeId: 'c' } },
      [{ pointer: 'wait', message: 'must be integer' }],
    ],
    [
      'challenge.get',
      { url: '/?wait=-1', params: { challengeId: 'c' } },
      [{ pointer: 'wait', message: 'must be integer' }],
    ],
    [
      'challenge.get',
      { url: '/?wait=', params: { challengeId: 'c' } },
      [{ pointer: 'wait', message: 'must be integer' }],
    ],
    ['user.get', { params: { userId: 'alice' } }, [{ pointer: 'userId', message: form }]],
    ['user.get', { params: { userId: `${userId}\n` } }, [{ pointer: 'userId', message: form }]],
    [
      'authenticator.enrol',
      { params: { userId }, body: { type: 'fax' } },
      [{ pointer: '/type', message: 'must be one of totp, phone, app' }],
    ],
    [
      'authenticator.remove',
      { params: { userId, authenticatorId }, body: { x: 1 } },
      [{ pointer: '/x', message: 'is not a field of this request' }],
    ],
  ])('%s %j', (name, said, invalid) => expect(read(name, said)).toEqual(invalid));
});

test('a mistake in the table is found when it is read', () => {
  const route = ROUTES.find(({ operation }) => operation.name === 'user.get');
  if (route === undefined) throw new Error('no such route');
  expect(() => inputOf({ ...route, path: '/v1/users/{id}' })).toThrow('user.get has no field id');
  expect(() => inputOf({ ...route, path: '/v1/users' })).toThrow('leaves no place for userId');
});
