import { expectation, mayComeFromFile, shapeOf, type Settings } from './settings.ts';

/** The settings as a Markdown table, for READMEs; a test can compare the two. */
export function settingsTable(schema: Settings): string {
  const required: readonly string[] = schema.required ?? [];
  const rows = Object.entries(schema.properties).map(([name, property]) => {
    const shape = shapeOf(property);
    const fallback =
      shape.default === undefined
        ? required.includes(name)
          ? 'required'
          : ''
        : `\`${JSON.stringify(shape.default)}\``;
    const variable = mayComeFromFile(shape) ? `\`${name}\` or \`${name}_FILE\`` : `\`${name}\``;
    return `| ${variable} | ${expectation(shape)} | ${fallback} | ${shape.description ?? ''} |`;
  });
  return ['| Variable | Value | Default | What it is for |', '| --- | --- | --- | --- |', ...rows].join('\n');
}
