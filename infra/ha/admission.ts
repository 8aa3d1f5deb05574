import { randomUUID } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { DESCRIPTION_FILE, readToken } from '@countersign/authority';
import { call, connectBus, credentialFromApiKey } from '@countersign/bus';
import { joinInstallation } from '@countersign/cli';
import {
  MfaError,
  replicaInvite,
  replicaRevoke,
  type InputOf,
  type Operation,
  type OutputOf,
} from '@countersign/contracts';
import type { Machine } from '../dev/machine.ts';
import { hostsOf, type HaInstallation } from './installation.ts';

/** Who may invite: the administrator's NATS credentials and API key. */
export interface Inviter {
  servers: readonly string[];
  credentialsFile: string;
  adminKey: string;
}

export interface Candidate {
  service: 'app-server' | 'sdk-gateway' | 'user-portal' | 'mobile-app-web-service' | 'radius-server';
  name: string;
  machine: Machine;
}

/** Whether founding or joining wrote the files of this one. */
export function hasJoined({ certificates }: HaInstallation, name: string): boolean {
  return existsSync(join(certificates.of(name).folder, DESCRIPTION_FILE));
}

/** What an operator does: `countersign replicas invite`, and `countersign join` with the token that it shows. */
export async function admit(
  { certificates }: HaInstallation,
  inviter: Inviter,
  candidates: readonly Candidate[],
): Promise<void> {
  const { servers, credentialsFile, adminKey } = inviter;
  const credential = credentialFromApiKey(adminKey);
  if (credential === undefined) throw new Error('the administrator key is malformed');
  const authorities = readFileSync(certificates.authority, 'utf8');
  const bus = await connectBus({ servers: [...servers], credentialsFile, authorities, name: 'invite' });
  try {
    const ask: Ask = async (operation, input) =>
      (await call(bus, operation, input, { attemptId: randomUUID(), credential, deadlineMs: 20_000 })).output;
    for (const candidate of candidates) {
      const token = readToken(await tokenFor(ask, candidate));
      if (token === undefined) throw new Error(`the token of ${candidate.name} cannot be read`);
      await joinInstallation(token, certificates.of(candidate.name).folder);
    }
  } finally {
    await bus.drain();
  }
}

type Ask = <O extends Operation>(operation: O, input: InputOf<O>) => Promise<OutputOf<O>>;

/** A start that was cut off may have left somebody of the name, whose files are not here. */
async function tokenFor(ask: Ask, { service, name, machine }: Candidate): Promise<string> {
  const invite = async () => (await ask(replicaInvite, { service, name, hosts: hostsOf(machine) })).token;
  try {
    return await invite();
  } catch (error) {
    if (!(error instanceof MfaError) || error.code !== 'REPLICA_EXISTS') throw error;
    await ask(replicaRevoke, { name, reason: 'its joining was cut off' });
    return invite();
  }
}
