import { expect, test } from 'vitest';
import { command, readInput } from './command.ts';
import { COMMANDS } from './commands.ts';
import { UsageError } from './failure.ts';
import { findCommand } from './find-command.ts';

const sample = command({
  name: 'things make',
  summary: 'Make a thing.',
  arguments: { name: { description: 'Name.' }, size: { description: 'Size.', optional: true } },
  options: {
    reason: { kind: 'text', required: true, description: 'Why.' },
    tag: { kind: 'texts', description: 'Tag.' },
    colour: { kind: 'text', choices: ['red', 'green'], description: 'Colour.' },
    count: { kind: 'integer', minimum: 1, maximum: 10, description: 'How many.' },
    for: { kind: 'seconds', minimum: 10, maximum: 3600, description: 'How long.' },
    loud: { kind: 'flag', short: 'l', description: 'Loud.' },
  },
  examples: [],
  run: () => Promise.resolve(undefined),
});
const read = (...words: string[]) => readInput(sample, words);
const sentence = (...words: string[]) => {
  try {
    read(...words);
  } catch (error) {
    if (error instanceof UsageError) return error.message;
    throw error;
  }
  throw new Error('expected a refusal');
};

test('arguments and options are read, in any order', () => {
  expect(
    read('--reason', 'because', 'x', '--tag', 'a', '--tag=b', '--count', '3', '--for', '15m', '-l', '--colour', 'red'),
  ).toEqual({
    name: 'x',
    size: undefined,
    reason: 'because',
    tag: ['a', 'b'],
    colour: 'red',
    count: 3,
    for: 900,
    loud: true,
  });
});

test('what is left out is undefined, and a flag is false', () => {
  expect(read('x', '--reason', 'y')).toEqual({
    name: 'x',
    size: undefined,
    reason: 'y',
    tag: undefined,
    colour: undefined,
    count: undefined,
    for: undefined,
    loud: false,
  });
});

test('after -- everything is an argument', () => {
  expect(read('--reason', 'y', '--', '--odd-name')).toMatchObject({ name: '--odd-name' });
});

test.each([
  [['--reason', 'y'], 'things make needs <name>.'],
  [['x'], 'things make needs --reason: Why.'],
  [['x', 'y', 'z', '--reason', 'y'], 'things make does not take "z". Put a value with spaces in quotes.'],
  [['x', '--reason', 'y', '--count', '0'], '--count is a whole number, from 1 to 10, and not "0".'],
  [['x', '--reason', 'y', '--count', '1.5'], '--count is a whole number, from 1 to 10, and not "1.5".'],
  [
    ['x', '--reason', 'y', '--for', '2h'],
    '--for is a time like 90s, 15m, 12h or 7d, from 10 to 3600 seconds, and not "2h".',
  ],
  [['x', '--reason', 'y', '--colour', 'blue'], '--colour is one of red, green, and not "blue".'],
  [['x', '--reason', 'y', '--nothing'], "Unknown option '--nothing'."],
])('%j: %s', (words, expected) => {
  expect(sentence(...words)).toBe(expected);
});

test('a command is found by its words, with flags before it or after', () => {
  expect(findCommand(COMMANDS, ['users', 'show', 'alice', '--json'])).toMatchObject({
    definition: { name: 'users show' },
    rest: ['alice', '--json'],
  });
  expect(findCommand(COMMANDS, ['--json', 'doctor'])).toMatchObject({
    definition: { name: 'doctor' },
    rest: ['--json'],
  });
});

test('an unknown command is answered by those there are', () => {
  expect(() => findCommand(COMMANDS, ['users', 'kill'])).toThrow(/has no "kill": one of create, show/);
  expect(() => findCommand(COMMANDS, ['users'])).toThrow(/needs one more word/);
  expect(() => findCommand(COMMANDS, ['usrs', 'show'])).toThrow(/begins with one of users, authenticators/);
});

test('R24: no command takes the API key or a password from an argument', () => {
  // A flag holds nothing.
  const options = COMMANDS.flatMap(({ name, options: own }) =>
    Object.entries(own).flatMap(([option, { kind }]) => (kind === 'flag' ? [] : [`${name} --${option}`])),
  );
  expect(options.length).toBeGreaterThan(20);
  // The one that names a file.
  expect(options.filter((option) => /--.*(key|password|secret|token)/i.test(option))).toEqual(['join --token-file']);
});

test.each([
  'users block',
  'users unblock',
  'users bypass',
  'users grant-enrolment',
  'users remove-pin',
  'users end-sessions',
  'users unlink-identity',
])('%s asks for a reason', (name) => {
  const definition = COMMANDS.find((each) => each.name === name);
  expect(definition?.options['reason']).toMatchObject({ required: true });
});
