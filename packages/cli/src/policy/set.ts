import { command } from '../command.ts';
import { printable } from '../terminal/printable.ts';
import { flatten, policyPaths, readValue, withValue } from './path.ts';
import { resolveScope, SCOPE_OPTION } from './scope.ts';
import { readDocument, storeDocument } from './store-document.ts';

export const policySetCommand = command({
  name: 'policy set',
  summary: 'Set one value of a policy.',
  details: [
    'Refused when somebody else changed the policy meanwhile. Values:',
    ...policyPaths().map((path) => `  ${path}`),
  ].join('\n'),
  arguments: {
    path: { description: 'Which value, such as code.digits.' },
    value: { description: 'A number, a word, null, a comma-separated list, or JSON.' },
  },
  options: { application: SCOPE_OPTION },
  examples: [
    'countersign policy set code.digits 8',
    'countersign policy set methods.order totp,sms',
    "countersign policy set texts.en.sms '{{code}} is your code for {{application}}' --application Intranet",
  ],
  async run(session, input) {
    const value = readValue(input.path, input.value);
    const connection = await session.connection();
    const { scope, title } = await resolveScope(connection, input.application);
    const read = await readDocument(connection, scope);
    const before = flatten(read.document).find(({ path }) => path === input.path);
    const stored = await storeDocument(connection, read, withValue(read.document, input.path, value));
    const was = before === undefined ? 'was inherited' : `was ${JSON.stringify(before.value)}`;
    return {
      json: {
        scope,
        version: stored.version,
        path: input.path,
        value,
        ...(before !== undefined && { before: before.value }),
      },
      text: `${input.path} is ${printable(JSON.stringify(value))} (${printable(was)}) in version ${stored.version} of ${printable(title)}.\n`,
    };
  },
});
