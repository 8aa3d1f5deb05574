import type { CheckLevel } from '@countersign/contracts';
import { command } from '../command.ts';
import { EXIT } from '../exit-codes.ts';
import { examine } from './examine.ts';
import { findingsText, worstLevel } from './view.ts';

const VERDICTS: Readonly<Record<CheckLevel, string>> = {
  ok: 'Everything is well.',
  warn: 'It works. Look at the lines marked warn.',
  fail: 'Something has to be mended: look at the lines marked fail.',
};

export const doctor = command({
  name: 'doctor',
  summary: 'Look at NATS, Postgres, clocks, keys, carriers and policies, and say what to do.',
  details:
    'Every app-server looks at everything it depends on. The exit code is 1 when a check fails; a warning is no failure.',
  arguments: {},
  options: {},
  examples: ['countersign doctor', 'countersign doctor --json'],
  async run(session) {
    const checks = await examine(session);
    const level = worstLevel(checks);
    return {
      json: { level, checks },
      text: `${findingsText(checks)}\n${VERDICTS[level]}\n`,
      exitCode: level === 'fail' ? EXIT.checkFailed.code : EXIT.ok.code,
    };
  },
});
