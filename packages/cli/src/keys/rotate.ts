import { keysRotate } from '@countersign/contracts';
import { command } from '../command.ts';
import { given } from '../given.ts';
import { confirm } from '../terminal/confirm.ts';

export const keysRotateCommand = command({
  name: 'keys rotate',
  summary: 'Make a new key for signing results.',
  details:
    'It is published at once and signs after the lead time. The old one stays published, so nothing that was signed breaks.',
  arguments: {},
  options: {
    lead: {
      kind: 'seconds',
      maximum: 604_800,
      description: 'Time for callers to learn the new key, such as 2h; 1 hour unless given, 7 days at most.',
    },
  },
  examples: ['countersign keys rotate', 'countersign keys rotate --lead 24h'],
  async run(session, { lead }) {
    if (lead === 0) {
      await confirm(
        session,
        'Without lead time, callers that keep the key set refuse results until they fetch it again.',
      );
    }
    const { ask } = await session.connection();
    const key = await ask(keysRotate, given({ leadSeconds: lead }));
    return { json: key, text: `The key ${key.kid} is published and signs from ${key.signsFrom}.\n` };
  },
});
