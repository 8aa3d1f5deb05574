import { MfaError, type InputOf, type OutputOf, type replicaRevoke } from '@countersign/contracts';
import type { AuthorisedRequest } from '../application/authorise.ts';
import { changeOnce, recordAdministration } from '../audit/administration.ts';
import { deliver, type DeliveryDependencies } from './deliver.ts';
import { endLogin } from './login.ts';
import { lastRevoked, revokeByName } from './store.ts';

export interface RevokeDependencies extends DeliveryDependencies {
  joining: DeliveryDependencies['joining'] & { natsUrls: readonly string[] };
}

/**
 * Cuts a replica off: it gets no new certificate, NATS refuses it, its database login ends. Of one that is revoked already NATS
 * and Postgres are told again, because one of them may have been away.
 * @throws MfaError REPLICA_NOT_FOUND, PRIMARY_UNAVAILABLE; UNAVAILABLE when it is revoked and NATS was not told: repeat it.
 */
export async function revoke(
  deps: RevokeDependencies,
  { name, reason }: InputOf<typeof replicaRevoke>,
  request: AuthorisedRequest,
): Promise<OutputOf<typeof replicaRevoke>> {
  const { router, joining } = deps;
  const by = request.application.name;
  const row = await router.write(async (db) => {
    await changeOnce(db, request.attemptId, async (transaction) => {
      const at = deps.now();
      if (!(await revokeByName(transaction, name, { by, reason, at: new Date(at) }))) return;
      await recordAdministration(transaction, {
        type: 'replica.revoke',
        at,
        attemptId: request.attemptId,
        actor: by,
        reason,
        detail: { name },
      });
    });
    return lastRevoked(db, name);
  });
  if (row === undefined) throw new MfaError('REPLICA_NOT_FOUND');
  const { postgres_login: login } = row;
  // NATS first: the operation may have come to the very replica that is revoked. It is cut off here, the caller hears nothing,
  // and tries again at one that stays.
  const told = row.nats_key === null ? [] : await deliver(deps);
  if (login !== null) await endLogin(router, login);
  return { name, told, servers: joining.natsUrls.length, databaseLogin: login !== null };
}
