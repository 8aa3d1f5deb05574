import { command } from '../command.ts';
import { printable } from '../terminal/printable.ts';
import { flatten, withoutValue } from './path.ts';
import { resolveScope, SCOPE_OPTION } from './scope.ts';
import { readDocument, storeDocument } from './store-document.ts';

export const policyUnset = command({
  name: 'policy unset',
  summary: 'Take one value out of a policy, so that it is inherited again.',
  arguments: { path: { description: 'Which value, such as code.digits.' } },
  options: { application: SCOPE_OPTION },
  examples: ['countersign policy unset code.digits', 'countersign policy unset texts.en.sms --application Intranet'],
  async run(session, input) {
    const connection = await session.connection();
    const { scope, title } = await resolveScope(connection, input.application);
    const read = await readDocument(connection, scope);
    const document = withoutValue(read.document, input.path);
    const before = flatten(read.document).find(({ path }) => path === input.path);
    const stored = before === undefined ? read : await storeDocument(connection, read, document);
    const text =
      before === undefined
        ? `${input.path} was not set in ${printable(title)}: nothing changed.\n`
        : `${input.path} is inherited again (was ${printable(JSON.stringify(before.value))}) in version ${stored.version} of ${printable(title)}.\n`;
    return {
      json: { scope, version: stored.version, path: input.path, ...(before !== undefined && { before: before.value }) },
      text,
    };
  },
});
