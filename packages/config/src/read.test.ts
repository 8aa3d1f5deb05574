import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Type } from 'typebox';
import { describe, expect, test } from 'vitest';
import { readEnvironment, SettingsError, unknownSettings } from './read.ts';
import { settingsTable } from './reference.ts';
import { fromFile, secret, settings } from './settings.ts';

const schema = settings({
  X_PORT: Type.Integer({ minimum: 1, maximum: 65_535, default: 8200, description: 'TCP port to listen on.' }),
  X_NAME: Type.String({ minLength: 1, description: 'Name of this replica.' }),
  X_LEVEL: Type.Union([Type.Literal('info'), Type.Literal('debug')], { default: 'info' }),
  X_PROXIES: Type.Array(Type.String({ pattern: '^[0-9./]+$' }), { default: [] }),
  X_STRICT: Type.Boolean({ default: true }),
  X_PASSWORD: Type.Optional(secret(Type.String({ minLength: 8, description: 'Password for the bus.' }))),
  X_CERT: Type.Optional(fromFile(Type.String())),
});

function problems(environment: Record<string, string>): readonly string[] {
  try {
    readEnvironment(schema, environment);
  } catch (error) {
    if (error instanceof SettingsError) return error.problems;
  }
  return [];
}

test('texts become what the schema says, and what is not set takes its default', () => {
  expect(
    readEnvironment(schema, { X_NAME: 'g1', X_PORT: '443', X_PROXIES: '10.0.0.1, 10.0.0.2', X_STRICT: 'false' }),
  ).toEqual({ X_NAME: 'g1', X_PORT: 443, X_LEVEL: 'info', X_PROXIES: ['10.0.0.1', '10.0.0.2'], X_STRICT: false });
});

test('an empty variable counts as not set', () => {
  expect(readEnvironment(schema, { X_NAME: 'g1', X_PORT: '' }).X_PORT).toBe(8200);
});

describe('an error names the variable and says what to do', () => {
  test.each([
    [{ X_PORT: '8200' }, 'X_NAME is not set. Set it to a text. Name of this replica.'],
    [
      { X_NAME: 'g', X_PORT: '70000' },
      'X_PORT must be a whole number from 1 to 65535, and not "70000". TCP port to listen on.',
    ],
    [
      { X_NAME: 'g', X_PORT: '0x50' },
      'X_PORT must be a whole number from 1 to 65535, and not "0x50". TCP port to listen on.',
    ],
    [{ X_NAME: 'g', X_LEVEL: 'loud' }, 'X_LEVEL must be one of info, debug, and not "loud".'],
    [{ X_NAME: 'g', X_STRICT: 'yes' }, 'X_STRICT must be true or false, and not "yes".'],
  ])('%o', (environment, sentence) => expect(problems(environment)).toEqual([sentence]));

  test('all problems are told at once', () => {
    expect(problems({ X_PORT: 'x', X_LEVEL: 'x' })).toHaveLength(3);
  });
});

describe('secrets', () => {
  const file = join(mkdtempSync(join(tmpdir(), 'config-')), 'secret');

  test('come from the variable or from a file, without the line break at its end', () => {
    writeFileSync(file, 'correct horse\n');
    expect(readEnvironment(schema, { X_NAME: 'g', X_PASSWORD_FILE: file }).X_PASSWORD).toBe('correct horse');
    expect(readEnvironment(schema, { X_NAME: 'g', X_PASSWORD: 'direct value' }).X_PASSWORD).toBe('direct value');
  });

  test('are never repeated (R24)', () => {
    expect(problems({ X_NAME: 'g', X_PASSWORD: 'short' }).join()).toContain('X_PASSWORD must be a text');
    expect(problems({ X_NAME: 'g', X_PASSWORD: 'short' }).join()).not.toContain('"short"');
  });

  test('are not guessed when two sources are named or the file is not there', () => {
    expect(problems({ X_NAME: 'g', X_PASSWORD: 'direct value', X_PASSWORD_FILE: file }).join()).toContain('both set');
    expect(problems({ X_NAME: 'g', X_PASSWORD_FILE: `${file}.gone` }).join()).toContain('cannot be read (ENOENT)');
  });

  test('no other setting is read from a file', () => {
    expect(problems({ X_NAME_FILE: file }).join()).toContain('X_NAME is not set');
  });
});

test('a variable with our prefix that is no setting is found', () => {
  expect(unknownSettings(schema, { X_PROT: '1', X_PORT: '1', X_CERT_FILE: 'a', Y: '1' }, 'X_')).toEqual(['X_PROT']);
});

test('the reference has a row for every setting', () => {
  const table = settingsTable(schema);
  for (const name of Object.keys(schema.properties)) expect(table).toContain(`\`${name}\``);
  expect(table).toContain('| `X_PORT` | a whole number from 1 to 65535 | `8200` | TCP port to listen on. |');
});
