import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CommandError } from '../failure.ts';

/**
 * Lets a person change a text in the editor of their choice. The file is readable to nobody else and is gone afterwards.
 * @throws CommandError when the editor cannot be started or ends with an error.
 */
export function editText(
  text: string,
  fileName: string,
  environment: Readonly<Record<string, string | undefined>>,
): string {
  const editor = [environment['VISUAL'], environment['EDITOR']].find((name) => (name ?? '') !== '') ?? 'vi';
  const folder = mkdtempSync(join(tmpdir(), 'countersign-'));
  try {
    const file = join(folder, fileName);
    writeFileSync(file, text, { mode: 0o600 });
    // An editor may be set with options (`code --wait`), so the words are split as a shell would without quotes.
    const [program = 'vi', ...options] = editor.split(/\s+/);
    const { status, error } = spawnSync(program, [...options, file], { stdio: 'inherit' });
    if (error !== undefined || status !== 0) {
      throw new CommandError(
        'EDITOR_FAILED',
        'notConfirmed',
        `The editor ${JSON.stringify(editor)} did not end well, so nothing was changed.`,
        'Set VISUAL or EDITOR to an editor of this machine.',
      );
    }
    return readFileSync(file, 'utf8');
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
