export { call, DEFAULT_DEADLINE_MS, type CallOptions } from './call.ts';
export { callEach, type EachAnswer } from './call-each.ts';
export { deliverAccount, type AccountDelivery } from './claims.ts';
export { isIdempotencyKey } from './codec.ts';
export { connectBus, type Bus, type BusOptions } from './connection.ts';
export { credentialFromApiKey, type Credential } from './credential.ts';
export { endpoint, serve, type CallRequest, type Endpoint, type ServeOptions, type Serving } from './serve.ts';
export { watchStrain, type Strain } from './strain.ts';
export { checkInput, compileValidator, type Validate } from './validate.ts';
