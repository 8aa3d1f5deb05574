import { createHash } from 'node:crypto';
import { fingerprintOfPem, hashOfSecret, writeToken } from '@countersign/authority';
import { MfaError, type InputOf, type OutputOf, type replicaInvite } from '@countersign/contracts';
import type { AuthorisedRequest } from '../application/authorise.ts';
import { changeOnce, recordAdministration } from '../audit/administration.ts';
import type { Router } from '../database/router.ts';
import type { KeyRing } from '../keys/ring.ts';
import { readAuthority } from './authority.ts';
import { joinUrlsNow } from './join-urls.ts';
import { getReplica, insertInvitation } from './store.ts';

export interface InviteDependencies {
  router: Router;
  ring: KeyRing;
  now: () => number;
  joining: { urls: readonly string[]; port: number };
}

const DEFAULT_VALID_SECONDS = 3600;

/**
 * Invites one machine under one name. The token is the only thing that can turn the invitation into a replica.
 * @throws MfaError AUTHORITY_MISSING, REPLICA_EXISTS, PRIMARY_UNAVAILABLE.
 */
export async function invite(
  deps: InviteDependencies,
  { service, name, hosts = [name], validSeconds = DEFAULT_VALID_SECONDS }: InputOf<typeof replicaInvite>,
  request: AuthorisedRequest,
): Promise<OutputOf<typeof replicaInvite>> {
  const { router, ring, joining } = deps;
  const authority = await readAuthority(router, ring);
  if (joining.urls.length === 0) {
    throw new MfaError('AUTHORITY_MISSING', {
      detail: 'Set COUNTERSIGN_JOIN_URLS, COUNTERSIGN_TLS_CERT and COUNTERSIGN_TLS_KEY of app-server.',
    });
  }
  const now = deps.now();
  // The same attempt gives the same token, so that a repeated request can be told it again (INV-21).
  const id = createHash('sha256').update(`replica/${request.attemptId}`).digest().subarray(0, 16).toString('base64url');
  const secret = ring.mac('join-token', request.attemptId).toString('base64url');
  await router.write((db) =>
    changeOnce(db, request.attemptId, async (transaction) => {
      const invitation = {
        replicaId: id,
        name,
        service,
        hosts,
        secretHash: hashOfSecret(secret),
        expiresAt: new Date(now + validSeconds * 1000),
        invitedBy: request.application.name,
      };
      if (!(await insertInvitation(transaction, invitation, new Date(now)))) throw new MfaError('REPLICA_EXISTS');
      await recordAdministration(transaction, {
        type: 'replica.invite',
        at: now,
        attemptId: request.attemptId,
        actor: request.application.name,
        detail: { name, service, hosts, validSeconds },
      });
    }),
  );
  const row = await getReplica(router, id);
  const expiresAt = row?.invitation_expires_at ?? undefined;
  if (expiresAt === undefined) throw new MfaError('INTERNAL', { reason: 'invitation vanished' });
  const token = writeToken({
    urls: await joinUrlsNow(router, joining),
    authority: fingerprintOfPem(authority.certificate),
    id,
    secret,
    service,
    name,
    hosts: [...hosts],
  });
  return { name, service, token, expiresAt: expiresAt.toISOString() };
}
