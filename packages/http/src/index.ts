export { addressSet, clientOf, plainAddress, type AddressSet } from './address.ts';
export { acceptAnything } from './body.ts';
export type { HealthCheck } from './health.ts';
export { keyPairProblem } from './key-pair.ts';
export { PROBLEM_CONTENT_TYPE, problemType, toProblem, type Problem } from './problem.ts';
export { parseQuery } from './query.ts';
export { reloadOnHangup } from './reload.ts';
export {
  createHttpServer,
  DEFAULT_HTTP_LIMITS,
  PRIVATE_NETWORKS,
  type HttpLimits,
  type HttpServer,
  type HttpServerOptions,
  type TlsOptions,
} from './server.ts';
export { createSlots, type Slots, type SlotsOptions } from './slots.ts';
export { stopOnSignal } from './stop.ts';
export { isCleanText, parseStrictJson } from './strict-json.ts';
