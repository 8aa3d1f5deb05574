import { authenticatorEnrol, challengeStart } from '@countersign/contracts';
import { Type } from 'typebox';
import { expect, test } from 'vitest';
import { checkInput, compileValidator } from './validate.ts';

const userId = '1b4e28ba-2fa1-4d9a-8f1c-0c2d7f3a9e11';
const notAField = 'is not a field of this request';

test.each([
  [{}, [{ pointer: '/username', message: 'is required' }]],
  [null, [{ pointer: '', message: 'must be object' }]],
  [[], [{ pointer: '', message: 'must be object' }]],
  [{ username: 1 }, [{ pointer: '/username', message: 'must be string' }]],
  [
    { username: 'a', method: 'fax' },
    [{ pointer: '/method', message: 'must be one of passkey, app, totp, sms, recovery' }],
  ],
  [{ username: 'a', context: { ip: '::1', 'a/b~': 1 } }, [{ pointer: '/context/a~1b~0', message: notAField }]],
  [JSON.parse('{"username":"a","__proto__":{"admin":true}}'), [{ pointer: '/__proto__', message: notAField }]],
])('challenge.start %j', (input, invalid) => {
  expect(compileValidator(challengeStart.input)(input)).toEqual(invalid);
});

test.each([
  [{}, [{ pointer: '/type', message: 'must be one of totp, phone, app' }]],
  [{ userId, type: 'phone' }, [{ pointer: '/phone', message: 'is required' }]],
  [{ userId, type: 'totp', digits: 7 }, [{ pointer: '/digits', message: 'must be one of 6, 8' }]],
  [{ userId, type: 'totp', phone: '+37120000012' }, [{ pointer: '/phone', message: notAField }]],
])('a union is told by the branch that was meant: authenticator.enrol %j', (input, invalid) => {
  expect(compileValidator(authenticatorEnrol.input)(input)).toEqual(invalid);
});

test('a good input is let through, a bad one becomes REQUEST_INVALID', () => {
  expect(() => checkInput(challengeStart, { username: 'alice', method: 'totp' })).not.toThrow();
  expect(() => checkInput(challengeStart, {})).toThrow(expect.objectContaining({ code: 'REQUEST_INVALID' }));
});

test('R24, R26: the report is bounded and repeats no value', () => {
  const many = Object.fromEntries(Array.from({ length: 500 }, (_, n) => [`${'k'.repeat(500)}${n}`, 'hunter2']));
  const invalid = compileValidator(Type.Object({ a: Type.String() }, { additionalProperties: false }))(many);
  expect(invalid?.length).toBeLessThanOrEqual(10);
  expect(JSON.stringify(invalid).length).toBeLessThan(4000);
  expect(JSON.stringify(invalid)).not.toContain('hunter2');
});
