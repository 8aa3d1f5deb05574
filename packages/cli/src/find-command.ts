import type { CommandDefinition } from './command.ts';
import { UsageError } from './failure.ts';

/**
 * The command that the first words name, and the words after it. Flags may stand before it.
 * @throws UsageError that names what comes close.
 */
export function findCommand(
  commands: readonly CommandDefinition[],
  words: readonly string[],
): { definition: CommandDefinition; rest: readonly string[] } {
  const start = words.findIndex((word) => !word.startsWith('-'));
  const [flags, typed] = start < 0 ? [words, []] : [words.slice(0, start), words.slice(start)];
  const definition = commands.find(({ name }) => {
    const parts = name.split(' ');
    return parts.every((part, index) => part === typed[index]);
  });
  if (definition === undefined) throw unknown(commands, typed);
  return { definition, rest: [...flags, ...typed.slice(definition.name.split(' ').length)] };
}

function unknown(commands: readonly CommandDefinition[], typed: readonly string[]): UsageError {
  const [noun = '', verb] = typed;
  const verbs = commands.flatMap(({ name }) => (name.startsWith(`${noun} `) ? [name.slice(noun.length + 1)] : []));
  if (verbs.length > 0) {
    const found = verb === undefined || verb.startsWith('-') ? 'needs one more word' : `has no ${JSON.stringify(verb)}`;
    return new UsageError(`countersign ${noun} ${found}: one of ${verbs.join(', ')}.`, noun);
  }
  const nouns = [...new Set(commands.map(({ name }) => name.split(' ')[0] ?? name))];
  return new UsageError(`There is no command ${JSON.stringify(noun)}. It begins with one of ${nouns.join(', ')}.`);
}
