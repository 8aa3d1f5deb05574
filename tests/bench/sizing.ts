import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const SIZING = join(import.meta.dirname, '../../docs/sizing.md');
/** How the part begins that each bench writes, in their order. */
const HEADINGS = {
  login: '# Sizing\n',
  portal: '## Pages of the portal\n',
  phones: '## Phones that wait\n',
  radius: '## Logins over RADIUS\n',
} as const;

/** What stands below it in a part was written by hand, and stays. */
const NOTES = '\n<!-- notes -->\n';

/** Puts what a bench found in place of what it found before, and leaves what the others found. */
export function writeSizing(part: keyof typeof HEADINGS, report: string): void {
  const before = readFileSync(SIZING, 'utf8');
  const names = Object.keys(HEADINGS) as (keyof typeof HEADINGS)[];
  const places = names
    .map((name) => before.indexOf(HEADINGS[name]))
    .map((place) => (place === -1 ? before.length : place));
  const parts = names.map((name, index) => {
    const old = before.slice(places[index], places[index + 1]);
    const notes = old.indexOf(NOTES);
    if (name !== part) return old;
    return notes === -1 ? report : `${report.trim()}\n${old.slice(notes)}`;
  });
  writeFileSync(
    SIZING,
    `${parts
      .map((one) => one.trim())
      .filter((one) => one !== '')
      .join('\n\n')}\n`,
  );
}
