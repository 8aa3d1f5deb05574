import { keysRewrap } from '@countersign/contracts';
import { command } from '../command.ts';
import { CommandError } from '../failure.ts';
import { given } from '../given.ts';

export const keysRewrapCommand = command({
  name: 'keys rewrap',
  summary: 'Encrypt every stored secret again under the newest key of the ring.',
  details:
    'Do it after a new key was put first in COUNTERSIGN_KEY_RING of every app-server; then the old one may go. It may be stopped and repeated.',
  arguments: {},
  options: { batch: { kind: 'integer', minimum: 1, maximum: 1000, description: 'Secrets per step.' } },
  examples: ['countersign keys rewrap'],
  async run(session, { batch }) {
    const { ask } = await session.connection();
    let rewrapped = 0;
    for (;;) {
      const step = await ask(keysRewrap, given({ batch }));
      rewrapped += step.rewrapped;
      if (step.remaining === 0) break;
      if (step.rewrapped === 0) {
        throw new CommandError(
          'REWRAP_STUCK',
          'conflict',
          `${step.remaining} secret(s) cannot be encrypted again; ${rewrapped} were.`,
          'Keep the old key in the ring. The logs of app-server name what could not be opened.',
        );
      }
      session.signal.throwIfAborted();
      if (!session.json && session.terminal.interactive) {
        session.terminal.writeError(`${rewrapped} done, ${step.remaining} to go\n`);
      }
    }
    return { json: { rewrapped, remaining: 0 }, text: `${rewrapped} secret(s) are encrypted under the newest key.\n` };
  },
});
