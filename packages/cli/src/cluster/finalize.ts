import { clusterFinalize } from '@countersign/contracts';
import { command } from '../command.ts';
import { confirm } from '../terminal/confirm.ts';

export const clusterFinalizeCommand = command({
  name: 'cluster finalize',
  summary: 'End an upgrade, when every app-server runs the new version and it has proven itself.',
  details:
    'Until then the version before can be brought back; afterwards it refuses to start. The next upgrade asks for it. ' +
    'See docs/operations/upgrading.md.',
  arguments: {},
  options: {},
  examples: ['countersign cluster finalize', 'countersign cluster finalize --yes'],
  async run(session) {
    await confirm(session, 'The version before cannot be brought back after this.');
    const { ask } = await session.connection();
    const settled = await ask(clusterFinalize, {});
    return { json: settled, text: `The installation is on release ${settled.release}, version ${settled.version}.\n` };
  },
});
