import { COMMON_OPTIONS, type CommandDefinition, type OptionDefinition } from './command.ts';

/** Every command on one screen, a line each. */
export function overview(commands: readonly CommandDefinition[]): string {
  const usages = commands.map((definition) => [usage(definition), definition.summary] as const);
  const widest = Math.max(...usages.map(([text]) => text.length));
  const lines: string[] = [];
  let group: string | undefined;
  for (const [text, summary] of usages) {
    const noun = text.includes(' ') ? text.split(' ')[0] : '';
    if (group !== undefined && noun !== group) lines.push('');
    group = noun;
    lines.push(`  ${text.padEnd(widest)}  ${summary}`);
  }
  return [
    'countersign: the command line of a Countersign installation',
    '',
    ...lines,
    '',
    'Everything about one command, with examples: countersign help <command>',
    '--json on any command: one JSON document instead of text.',
    '',
  ].join('\n');
}

/** One command: how it is typed, what it takes, and examples. */
export function explain(definition: CommandDefinition): string {
  const args = Object.entries(definition.arguments).map(
    ([name, { description }]) => [argumentName(name), description] as const,
  );
  const options = Object.entries({ ...definition.options, ...COMMON_OPTIONS } as Record<string, OptionDefinition>).map(
    ([name, option]) => [optionUsage(name, option), optionText(option)] as const,
  );
  return [
    `countersign ${usage(definition)}`,
    '',
    definition.summary,
    ...(definition.details === undefined ? [] : [definition.details]),
    ...section('Arguments', args),
    ...section('Options', options),
    '',
    'Examples',
    ...definition.examples.map((example) => `  ${example}`),
    '',
  ].join('\n');
}

/** As it is typed: `users bypass <user> --reason <text>`; what may be left out is not shown. */
export function usage(definition: CommandDefinition): string {
  const args = Object.entries(definition.arguments).map(([name, argument]) =>
    argument.optional === true ? `[${name}]` : `<${name}>`,
  );
  const required = Object.entries(definition.options)
    .filter(([, option]) => option.required === true)
    .map(([name, option]) => optionUsage(name, option));
  return [definition.name, ...args, ...required].join(' ');
}

function argumentName(name: string): string {
  return `<${name}>`;
}

function optionUsage(name: string, option: OptionDefinition): string {
  const short = option.short === undefined ? '' : `-${option.short}, `;
  if (option.kind === 'flag') return `${short}--${name}`;
  const fallback = { text: 'text', texts: 'text', integer: 'number', seconds: 'time' }[option.kind];
  return `${short}--${name} <${option.value ?? fallback}>`;
}

function optionText(option: OptionDefinition): string {
  const choices = option.choices === undefined ? '' : ` One of ${option.choices.join(', ')}.`;
  const repeated = option.kind === 'texts' ? ' May be given several times.' : '';
  const required = option.required === true ? ' Required.' : '';
  return `${option.description}${choices}${repeated}${required}`;
}

function section(title: string, rows: readonly (readonly [string, string])[]): string[] {
  if (rows.length === 0) return [];
  const widest = Math.max(...rows.map(([name]) => name.length));
  return ['', title, ...rows.map(([name, text]) => `  ${name.padEnd(widest)}  ${text}`)];
}
