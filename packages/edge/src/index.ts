export { edgeProblems } from './check-settings.ts';
export { runEdge } from './run.ts';
export { createEdgeServer, type EdgeFoundation, type EdgeServer } from './server.ts';
export { edgeSettings } from './settings.ts';
