export { COMMANDS } from './commands.ts';
export { run, type RunDependencies } from './run.ts';
