import { applicationDelete } from '@countersign/contracts';
import { command } from '../command.ts';
import { confirm } from '../terminal/confirm.ts';
import { printable } from '../terminal/printable.ts';
import { APPLICATION_ARGUMENT, resolveApplication } from './resolve.ts';

export const applicationsDelete = command({
  name: 'applications delete',
  summary: 'Delete an application and its keys. The audit stays.',
  arguments: { application: APPLICATION_ARGUMENT },
  options: {},
  examples: ['countersign applications delete Intranet'],
  async run(session, input) {
    const connection = await session.connection();
    const { applicationId, name } = await resolveApplication(connection, input.application);
    await confirm(
      session,
      `This deletes the application ${name} (${applicationId}): nobody logs in to it with Countersign.`,
    );
    const done = await connection.ask(applicationDelete, { applicationId });
    return { json: done, text: `${printable(name)} is deleted.\n` };
  },
});
