import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const SIZING = join(import.meta.dirname, '../../docs/sizing.md');
/** The heading between what the one bench and the other writes. */
const PORTAL = '## Pages of the portal\n';

/** Puts what a bench found in place of what it found before, and leaves the other's. */
export function writeSizing(part: 'login' | 'portal', report: string): void {
  const [login = '', portal = ''] = readFileSync(SIZING, 'utf8').split(PORTAL);
  const parts = part === 'login' ? [`${report}\n`, portal] : [`${login.trimEnd()}\n\n`, report.replace(PORTAL, '')];
  writeFileSync(SIZING, parts[1] === '' ? report : parts.join(PORTAL));
}
