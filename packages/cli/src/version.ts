import { readFileSync } from 'node:fs';
import { command } from './command.ts';

export const version = command({
  name: 'version',
  summary: 'Print the version of the command line.',
  arguments: {},
  options: {},
  examples: ['countersign version', 'countersign version --json'],
  run() {
    const { version: number } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as {
      version: string;
    };
    const node = process.versions.node;
    return Promise.resolve({ json: { version: number, node }, text: `countersign ${number} (Node ${node})\n` });
  },
});
