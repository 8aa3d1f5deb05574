export { COMMANDS } from './commands.ts';
export { nginxServerLines, serverLines } from './balancer/servers.ts';
export { joinInstallation } from './replicas/join.ts';
export { run, type RunDependencies } from './run.ts';
export { writePrivateFiles } from './private-files.ts';
