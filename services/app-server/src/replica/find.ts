import type { InputOf, OutputOf, replicaFind, ReplicaView } from '@countersign/contracts';
import type { Router } from '../database/router.ts';
import { listReplicas, type ReplicaRow } from './store.ts';

/** Who was admitted, when, by whom, and until when its certificate lasts. @throws MfaError PRIMARY_UNAVAILABLE. */
export async function find(
  { router }: { router: Router },
  { all = false }: InputOf<typeof replicaFind>,
): Promise<OutputOf<typeof replicaFind>> {
  return { replicas: (await listReplicas(router, all)).map(viewOf) };
}

function viewOf(row: ReplicaRow): ReplicaView {
  return {
    name: row.name,
    service: row.service as ReplicaView['service'],
    state: row.state,
    hosts: row.hosts,
    invitedAt: row.invited_at.toISOString(),
    invitedBy: row.invited_by,
    ...(row.state === 'invited' &&
      row.invitation_expires_at !== null && { invitationExpiresAt: row.invitation_expires_at.toISOString() }),
    ...(row.joined_at !== null && { joinedAt: row.joined_at.toISOString() }),
    ...(row.certificate_expires_at !== null && { certificateExpiresAt: row.certificate_expires_at.toISOString() }),
    ...(row.fingerprint !== null && { fingerprint: row.fingerprint }),
    ...(row.revoked_at !== null && { revokedAt: row.revoked_at.toISOString() }),
    ...(row.revoked_by !== null && { revokedBy: row.revoked_by }),
    ...(row.revoked_reason !== null && { reason: row.revoked_reason }),
  };
}
