import { openConnection } from './connection.ts';
import { run } from './run.ts';
import { readSettings } from './settings.ts';
import { nodeTerminal } from './terminal/terminal.ts';

const { env, stdin, stdout, stderr } = process;
const interrupted = new AbortController();
process.once('SIGINT', () => interrupted.abort());
// Whoever reads our output may stop early (`| head`): that is no error.
stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 1));

const exitCode = await run(process.argv.slice(2), {
  terminal: nodeTerminal({ input: stdin, output: stdout, error: stderr, environment: env }),
  settings: () => readSettings(env, process.cwd(), process.getuid?.()),
  connect: openConnection,
  now: Date.now,
  signal: interrupted.signal,
});
// A connection that never came about would keep the process alive. What was written is written first.
await Promise.all([stdout, stderr].map((stream) => new Promise((done) => stream.write('', done))));
process.exit(exitCode);
