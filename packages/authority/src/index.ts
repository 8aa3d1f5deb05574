export * from './accounts.ts';
export * from './admission.ts';
export * from './certificates.ts';
export * from './installation.ts';
export * from './nats-conf.ts';
export * from './permissions.ts';
export * from './services.ts';
export * from './token.ts';
