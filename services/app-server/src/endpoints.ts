import { createHash } from 'node:crypto';
import { endpoint, type Endpoint } from '@countersign/bus';
import * as contracts from '@countersign/contracts';
import type { InputOf, Operation, OutputOf } from '@countersign/contracts';
import { parseTraceparent } from '@countersign/telemetry';
import { assertMay, type AuthorisedRequest } from './application/authorise.ts';
import * as createApplication from './application/create.ts';
import * as deleteApplication from './application/delete.ts';
import * as findApplication from './application/find.ts';
import * as rotateApplication from './application/rotate.ts';
import * as findAudit from './audit/find.ts';
import * as confirmAuthenticator from './authenticator/confirm.ts';
import * as enrolAuthenticator from './authenticator/enrol.ts';
import * as removeAuthenticator from './authenticator/remove.ts';
import * as cancelChallenge from './challenge/cancel.ts';
import * as getChallenge from './challenge/get.ts';
import * as resendChallenge from './challenge/resend.ts';
import * as startChallenge from './challenge/start.ts';
import * as verifyChallenge from './challenge/verify.ts';
import * as finalizeCluster from './cluster/finalize.ts';
import * as clusterStatus from './cluster/status.ts';
import type { Context } from './context.ts';
import { recordMessageStatus } from './dispatch/status.ts';
import { requestHash } from './idempotency/canonical.ts';
import { withIdempotency } from './idempotency/with-idempotency.ts';
import * as rewrapKeys from './keys/rewrap.ts';
import * as rotateKeys from './keys/rotate.ts';
import * as moveLeaders from './leaders/move.ts';
import * as explainPolicy from './policy/explain.ts';
import * as getPolicy from './policy/get.ts';
import * as setPolicy from './policy/set.ts';
import * as findReplica from './replica/find.ts';
import * as inviteReplica from './replica/invite.ts';
import * as revokeReplica from './replica/revoke.ts';
import { check } from './system/check.ts';
import * as blockUser from './user/block.ts';
import * as bypassUser from './user/bypass.ts';
import * as createUser from './user/create.ts';
import * as deleteUser from './user/delete.ts';
import * as findUser from './user/find.ts';
import * as getUser from './user/get.ts';
import * as unblockUser from './user/unblock.ts';
import * as updateUser from './user/update.ts';

/** Long polls hold no work, so they have a bound of their own and cannot keep logins out. */
const MAX_WAITING = 2000;

/** Every operation of app-server and the use case that answers it. */
export function endpoints(context: Context): Endpoint[] {
  const serve = authorisedEndpoint(context);
  return [
    serve(contracts.challengeStart, startChallenge.start),
    serve(contracts.challengeVerify, verifyChallenge.verify),
    serve(contracts.challengeGet, getChallenge.get, { maxInFlight: MAX_WAITING }),
    serve(contracts.challengeCancel, cancelChallenge.cancel),
    serve(contracts.challengeResend, resendChallenge.resend),

    serve(contracts.userCreate, createUser.create),
    serve(contracts.userGet, getUser.get),
    serve(contracts.userUpdate, updateUser.update),
    serve(contracts.userDelete, deleteUser.remove),
    serve(contracts.userFind, findUser.find),
    serve(contracts.userBlock, blockUser.block),
    serve(contracts.userUnblock, unblockUser.unblock),
    serve(contracts.userBypass, bypassUser.bypass),

    serve(contracts.authenticatorEnrol, enrolAuthenticator.enrol),
    serve(contracts.authenticatorConfirm, confirmAuthenticator.confirm),
    serve(contracts.authenticatorRemove, removeAuthenticator.remove),

    serve(contracts.applicationCreate, createApplication.create),
    serve(contracts.applicationRotate, rotateApplication.rotate),
    serve(contracts.applicationDelete, deleteApplication.remove),
    serve(contracts.applicationFind, findApplication.find),

    serve(contracts.replicaInvite, inviteReplica.invite),
    serve(contracts.replicaFind, findReplica.find),
    serve(contracts.replicaRevoke, revokeReplica.revoke),

    serve(contracts.policyGet, getPolicy.get),
    serve(contracts.policySet, setPolicy.set),
    serve(contracts.policyExplain, explainPolicy.explain),

    serve(contracts.leadersMove, moveLeaders.move),
    serve(contracts.keysRotate, rotateKeys.rotate),
    serve(contracts.keysRewrap, rewrapKeys.rewrap),
    serve(contracts.auditFind, findAudit.find),
    serve(contracts.clusterFinalize, finalizeCluster.finalize),
    // Every replica answers for itself.
    serve(contracts.systemCheck, check, { queue: `app-server.${context.replica}` }),
    serve(contracts.clusterStatus, clusterStatus.status, { queue: `app-server.${context.replica}` }),

    // Open to whoever may publish here: one answer is public, the other is proved by the carrier's own signature.
    endpoint(contracts.keysJwks, () => Promise.resolve(context.signer.jwks())),
    endpoint(contracts.messageStatus, (input, request) => recordMessageStatus(context, input, request)),
  ];
}

type UseCase<O extends Operation> = (
  context: Context,
  input: InputOf<O>,
  request: AuthorisedRequest,
) => Promise<OutputOf<O>>;

/**
 * Ties an attempt's id to who asks what. The edge chose the id; the same one with another caller, operation or input is another
 * attempt and is never told what became of the first.
 */
function bound(request: AuthorisedRequest, input: unknown): AuthorisedRequest {
  const { application, operation, attemptId } = request;
  const parts = [application.applicationId, operation.name, requestHash(input), attemptId];
  return { ...request, attemptId: createHash('sha256').update(JSON.stringify(parts)).digest('base64url') };
}

/** Who asks, whether they may, whether they asked before: the same for every operation, before its use case sees it. */
function authorisedEndpoint(context: Context) {
  return <O extends Operation>(
    operation: O,
    useCase: UseCase<O>,
    options: Pick<Endpoint, 'maxInFlight' | 'queue'> = {},
  ): Endpoint =>
    endpoint(
      operation,
      async (input, call) => {
        const application = await context.applications.authenticate(call.credential);
        assertMay(application, operation);
        const traceId = parseTraceparent(call.traceparent)?.traceId;
        const request: AuthorisedRequest = { ...call, application, traceId };
        if (!operation.changes) return useCase(context, input, request);
        return withIdempotency(context, request, input, (attempt) => useCase(context, input, bound(attempt, input)));
      },
      options,
    );
}
