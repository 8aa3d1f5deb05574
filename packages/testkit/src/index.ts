/**
 * Real engines for tests and for the development stack: NATS with JetStream, a PostgreSQL primary with its standby, processes
 * that can be killed and paused, and a certificate authority. Nothing here is for production.
 */
export { createAuthority, issueCertificate } from './authority.ts';
export type { CertificateOptions, IssuedCertificate, KeyAndCertificate } from './authority.ts';
export { createDatabase, ensureDatabase, ensureRole } from './database.ts';
export { hasFreeRadius, startFreeRadius } from './freeradius.ts';
export type { FreeRadius, FreeRadiusOptions, FreeRadiusUser } from './freeradius.ts';
export { mschapClient } from './mschap.ts';
export type { MschapClient, MschapLogin } from './mschap.ts';
export { findNatsServer, isHealthy, startNats } from './nats.ts';
export type { NatsOptions, NatsServer, NatsUser } from './nats.ts';
export { startNatsCluster, startOperatorCluster } from './nats-cluster.ts';
export type { OperatorCluster, OperatorClusterOptions } from './nats-cluster.ts';
export { accepts, freePort } from './port.ts';
export { embeddedPostgres, findPostgres, installedPostgres } from './postgres-binaries.ts';
export type { PostgresBinaries } from './postgres-binaries.ts';
export { startPostgres } from './postgres-node.ts';
export type { PostgresNode, PostgresOptions } from './postgres-node.ts';
export { startPostgresPair } from './postgres-pair.ts';
export type { PostgresPair, PostgresPairOptions } from './postgres-pair.ts';
export { postgresUser } from './postgres-user.ts';
export type { PostgresUser } from './postgres-user.ts';
export { prepareProcess, startProcess } from './process.ts';
export type { ProcessOptions, RunningProcess } from './process.ts';
export { descendantsOf, isAlive, killTree, processRow } from './process-table.ts';
export { sambaAddress, startSamba, whyNoSamba } from './samba.ts';
export type { DomainPerson, Samba, SambaAddress, SambaOptions } from './samba.ts';
export { hasSlapd, startSlapd } from './slapd.ts';
export type { Slapd, SlapdGroup, SlapdPerson } from './slapd.ts';
export { startTogether } from './start-together.ts';
export { waitUntil } from './wait-until.ts';
export type { WaitOptions } from './wait-until.ts';
