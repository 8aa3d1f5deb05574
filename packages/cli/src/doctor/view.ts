import { CHECK_LEVELS, type Check, type CheckLevel } from '@countersign/contracts';
import { printable } from '../terminal/printable.ts';

/** A check and who made it: `command line`, or the name of a replica. */
export interface Finding extends Check {
  where: string;
}

export const OWN = 'command line';

export function worstLevel(findings: readonly Check[]): CheckLevel {
  return CHECK_LEVELS[Math.max(0, ...findings.map(({ level }) => CHECK_LEVELS.indexOf(level)))] ?? 'fail';
}

/** Grouped by who looked; what to do stands under each line that is not ok. */
export function findingsText(findings: readonly Finding[]): string {
  const widest = Math.max(...findings.map(({ name }) => name.length));
  const places = [...new Set(findings.map(({ where }) => where))];
  return places
    .map((place) => {
      const lines = findings.filter(({ where }) => where === place).flatMap((finding) => findingLines(finding, widest));
      return `${printable(place)}\n${lines.map((line) => `  ${line}\n`).join('')}`;
    })
    .join('\n');
}

function findingLines({ name, level, detail, advice }: Finding, widest: number): string[] {
  const line = `${level.padEnd(4)}  ${printable(name).padEnd(widest)}  ${printable(detail)}`;
  return advice === undefined ? [line] : [line, `      ${' '.repeat(widest)}  → ${printable(advice)}`];
}
