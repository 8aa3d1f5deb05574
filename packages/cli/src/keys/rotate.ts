import { keysRotate } from '@countersign/contracts';
import { command } from '../command.ts';
import { UsageError } from '../failure.ts';
import { given } from '../given.ts';
import { confirm } from '../terminal/confirm.ts';

export const keysRotateCommand = command({
  name: 'keys rotate',
  summary: 'Make a new key for signing results, or what phones are told.',
  details:
    'It is published at once and signs after the lead time. The old one stays published, so nothing that was signed breaks. Phones need no ' +
    'lead: each new key is announced to them by the one before, which they trust until the next.',
  arguments: {},
  options: {
    of: {
      kind: 'text',
      choices: ['results', 'phones'],
      description: 'What the key signs; results unless given.',
    },
    lead: {
      kind: 'seconds',
      maximum: 604_800,
      description: 'Time for callers to learn the new key, such as 2h; 1 hour unless given, 7 days at most.',
    },
  },
  examples: ['countersign keys rotate', 'countersign keys rotate --lead 24h', 'countersign keys rotate --of phones'],
  async run(session, { of, lead }) {
    if (of === 'phones' && lead !== undefined) throw new UsageError('Phones need no lead: leave --lead out.');
    if (lead === 0) {
      await confirm(
        session,
        'Without lead time, callers that keep the key set refuse results until they fetch it again.',
      );
    }
    const { ask } = await session.connection();
    const key = await ask(keysRotate, {
      ...given({ leadSeconds: lead }),
      ...(of !== undefined && { of: of === 'phones' ? ('phones' as const) : ('results' as const) }),
    });
    return { json: key, text: `The key ${key.kid} is published and signs from ${key.signsFrom}.\n` };
  },
});
