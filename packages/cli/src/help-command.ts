import { command, type CommandDefinition } from './command.ts';
import { findCommand } from './find-command.ts';
import { explain, overview } from './help.ts';

/** @param commands looked up late: this command is one of them. */
export function helpCommand(commands: () => readonly CommandDefinition[]): CommandDefinition {
  return command({
    name: 'help',
    summary: 'List the commands, or explain one.',
    arguments: {
      noun: { description: 'First word of the command.', optional: true },
      verb: { description: 'Second word of it.', optional: true },
    },
    options: {},
    examples: ['countersign help', 'countersign help users block'],
    run(_session, { noun, verb }) {
      if (noun === undefined) {
        const json = commands().map(({ name, summary }) => ({ name, summary }));
        return Promise.resolve({ json: { commands: json }, text: overview(commands()) });
      }
      const group = commands().filter(({ name }) => name.startsWith(`${noun} `));
      if (verb === undefined && group.length > 0) {
        const json = group.map(({ name, summary }) => ({ name, summary }));
        return Promise.resolve({ json: { commands: json }, text: overview(group) });
      }
      const { definition } = findCommand(commands(), verb === undefined ? [noun] : [noun, verb]);
      return Promise.resolve(explanation(definition));
    },
  });
}

/** The help of one command, as a report. */
export function explanation(definition: CommandDefinition) {
  const { name, summary, examples } = definition;
  return { json: { name, summary, examples }, text: explain(definition) };
}
