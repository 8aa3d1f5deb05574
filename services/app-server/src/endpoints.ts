import { endpoint, type Endpoint } from '@countersign/bus';
import * as contracts from '@countersign/contracts';
import type { InputOf, Operation, OutputOf } from '@countersign/contracts';
import { parseTraceparent } from '@countersign/telemetry';
import * as findActivation from './activation/find.ts';
import * as redeemActivation from './activation/redeem.ts';
import * as bypassAccount from './account/bypass.ts';
import * as confirmAccount from './account/confirm.ts';
import * as enrolAccount from './account/enrol.ts';
import * as getAccount from './account/get.ts';
import * as historyAccount from './account/history.ts';
import * as removeAccount from './account/remove.ts';
import * as renameAccount from './account/rename.ts';
import * as leaveAccount from './account/leave.ts';
import * as reportAccount from './account/report.ts';
import * as updateAccount from './account/update.ts';
import { boundAttempt, recognisable } from './application/attempt.ts';
import { assertMay, type AuthorisedRequest } from './application/authorise.ts';
import * as createApplication from './application/create.ts';
import * as deleteApplication from './application/delete.ts';
import * as findApplication from './application/find.ts';
import * as rotateApplication from './application/rotate.ts';
import * as findAudit from './audit/find.ts';
import * as confirmAuthenticator from './authenticator/confirm.ts';
import * as enrolAuthenticator from './authenticator/enrol.ts';
import * as removeAuthenticator from './authenticator/remove.ts';
import * as assertChallenge from './challenge/assert.ts';
import * as cancelChallenge from './challenge/cancel.ts';
import * as claimChallenge from './challenge/claim.ts';
import * as getChallenge from './challenge/get.ts';
import * as resendChallenge from './challenge/resend.ts';
import * as startChallenge from './challenge/start.ts';
import * as verifyChallenge from './challenge/verify.ts';
import * as finalizeCluster from './cluster/finalize.ts';
import * as clusterStatus from './cluster/status.ts';
import type { Context } from './context.ts';
import * as answerDevice from './device/answer.ts';
import * as confirmDevice from './device/confirm.ts';
import * as enrolDevice from './device/enrol.ts';
import * as forgetDevice from './device/forget.ts';
import * as lookDevice from './device/look.ts';
import * as pollDevice from './device/poll.ts';
import * as removeDevice from './device/remove.ts';
import * as rotateDevice from './device/rotate.ts';
import * as updateDevice from './device/update.ts';
import * as checkDirectory from './directory/check.ts';
import * as createDirectory from './directory/create.ts';
import * as deleteDirectory from './directory/delete.ts';
import * as findDirectory from './directory/find.ts';
import * as updateDirectory from './directory/update.ts';
import { recordMessageStatus } from './dispatch/status.ts';
import * as grantEnrolment from './enrolment/grant.ts';
import * as withdrawEnrolment from './enrolment/withdraw.ts';
import * as cancelHandover from './handover/cancel.ts';
import * as claimHandover from './handover/claim.ts';
import * as createHandover from './handover/create.ts';
import * as resendHandover from './handover/resend.ts';
import * as startHandover from './handover/start.ts';
import * as verifyHandover from './handover/verify.ts';
import * as waitHandover from './handover/wait.ts';
import { withIdempotency } from './idempotency/with-idempotency.ts';
import * as unlinkIdentity from './identity/unlink.ts';
import * as verifyIdentity from './identity/verify.ts';
import * as rewrapKeys from './keys/rewrap.ts';
import * as keysOfPhones from './keys/phones.ts';
import * as rotateKeys from './keys/rotate.ts';
import * as moveLeaders from './leaders/move.ts';
import * as verifyPassword from './password/verify.ts';
import * as choosePin from './pin/choose.ts';
import * as forgetPin from './pin/forget.ts';
import * as removePin from './pin/remove.ts';
import * as setPin from './pin/set.ts';
import * as explainPolicy from './policy/explain.ts';
import * as getPolicy from './policy/get.ts';
import * as setPolicy from './policy/set.ts';
import * as accountRadius from './radius/account.ts';
import * as listRadius from './radius/list.ts';
import * as loginRadius from './radius/login.ts';
import * as waitRadius from './radius/wait.ts';
import * as postureRadius from './radius/posture.ts';
import * as reportRadius from './radius/report.ts';
import * as createRadiusClient from './radius-client/create.ts';
import * as deleteRadiusClient from './radius-client/delete.ts';
import * as findRadiusClient from './radius-client/find.ts';
import * as updateRadiusClient from './radius-client/update.ts';
import * as createRadiusUpstream from './radius-upstream/create.ts';
import * as deleteRadiusUpstream from './radius-upstream/delete.ts';
import * as findRadiusUpstream from './radius-upstream/find.ts';
import * as updateRadiusUpstream from './radius-upstream/update.ts';
import * as askQuestions from './questions/ask.ts';
import * as checkQuestions from './questions/check.ts';
import * as chooseQuestions from './questions/choose.ts';
import * as getQuestions from './questions/get.ts';
import * as findReplica from './replica/find.ts';
import * as inviteReplica from './replica/invite.ts';
import * as revokeReplica from './replica/revoke.ts';
import * as acceptSession from './session/accept.ts';
import * as confirmSession from './session/confirm.ts';
import * as dropSession from './session/drop.ts';
import * as endSession from './session/end.ts';
import * as inviteSession from './session/invite.ts';
import * as keepSession from './session/keep.ts';
import * as listSessions from './session/list.ts';
import * as loadSession from './session/load.ts';
import * as openSession from './session/open.ts';
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
/** Logins over RADIUS that wait for a phone: a gateway's users all come in the morning. */
const MAX_RADIUS_WAITING = 4000;
/** Polls of phones that are being answered, apart from logins: when thousands come back at once they must not keep those out. */
const MAX_POLLS = 1000;

/** Every operation of app-server and the use case that answers it. */
export function endpoints(context: Context): Endpoint[] {
  const serve = authorisedEndpoint(context);
  return [
    serve(contracts.challengeStart, startChallenge.start),
    serve(contracts.challengeVerify, verifyChallenge.verify),
    serve(contracts.challengeAssert, assertChallenge.assert),
    serve(contracts.challengeGet, getChallenge.get, { maxInFlight: MAX_WAITING }),
    serve(contracts.challengeCancel, cancelChallenge.cancel),
    serve(contracts.challengeResend, resendChallenge.resend),
    serve(contracts.challengeClaim, claimChallenge.claim),

    serve(contracts.activationFind, findActivation.find),
    // Before anything is remembered of it: strangers can invent as many as they like.
    serve(contracts.activationRedeem, redeemActivation.redeem, { check: redeemActivation.assertCode }),
    serve(contracts.devicePoll, pollDevice.poll, { maxInFlight: MAX_POLLS }),
    serve(contracts.deviceLook, lookDevice.look, { maxInFlight: MAX_POLLS }),
    serve(contracts.deviceAnswer, answerDevice.answer),
    serve(contracts.deviceUpdate, updateDevice.update),
    serve(contracts.deviceRotate, rotateDevice.rotate),
    serve(contracts.deviceRemove, removeDevice.remove),
    serve(contracts.deviceEnrol, enrolDevice.enrol),
    serve(contracts.deviceConfirm, confirmDevice.confirm),
    serve(contracts.deviceForget, forgetDevice.forget),

    serve(contracts.passwordVerify, verifyPassword.verify),
    serve(contracts.identityVerify, verifyIdentity.verify),
    serve(contracts.identityUnlink, unlinkIdentity.unlink),

    serve(contracts.directoryCreate, createDirectory.create),
    serve(contracts.directoryUpdate, updateDirectory.update),
    serve(contracts.directoryFind, findDirectory.find),
    serve(contracts.directoryDelete, deleteDirectory.remove),
    serve(contracts.directoryCheck, checkDirectory.check),

    serve(contracts.radiusLogin, loginRadius.login),
    serve(contracts.radiusWait, waitRadius.wait, { maxInFlight: MAX_RADIUS_WAITING }),
    serve(contracts.radiusClients, listRadius.list),
    serve(contracts.radiusAccount, accountRadius.account),
    serve(contracts.radiusReport, reportRadius.report),
    serve(contracts.radiusPosture, postureRadius.posture),
    serve(contracts.radiusClientCreate, createRadiusClient.create),
    serve(contracts.radiusClientUpdate, updateRadiusClient.update),
    serve(contracts.radiusClientFind, findRadiusClient.find),
    serve(contracts.radiusClientDelete, deleteRadiusClient.remove),
    serve(contracts.radiusUpstreamCreate, createRadiusUpstream.create),
    serve(contracts.radiusUpstreamUpdate, updateRadiusUpstream.update),
    serve(contracts.radiusUpstreamFind, findRadiusUpstream.find),
    serve(contracts.radiusUpstreamDelete, deleteRadiusUpstream.remove),

    serve(contracts.sessionOpen, openSession.open),
    serve(contracts.sessionConfirm, confirmSession.confirm),
    serve(contracts.sessionInvite, inviteSession.invite),
    serve(contracts.sessionAccept, acceptSession.accept),
    serve(contracts.sessionEnd, endSession.end),
    serve(contracts.sessionLoad, loadSession.load),
    serve(contracts.sessionKeep, keepSession.keep),
    serve(contracts.sessionDrop, dropSession.drop),
    serve(contracts.sessionList, listSessions.list),

    serve(contracts.accountGet, getAccount.get),
    serve(contracts.accountUpdate, updateAccount.update),
    serve(contracts.accountEnrol, enrolAccount.enrol),
    serve(contracts.accountConfirm, confirmAccount.confirm),
    serve(contracts.accountRename, renameAccount.rename),
    serve(contracts.accountRemove, removeAccount.remove),
    serve(contracts.accountBypass, bypassAccount.bypass),
    serve(contracts.accountHistory, historyAccount.history),
    serve(contracts.accountLeave, leaveAccount.leave),
    serve(contracts.accountReport, reportAccount.report),

    serve(contracts.enrolmentGrant, grantEnrolment.grant),
    serve(contracts.enrolmentWithdraw, withdrawEnrolment.withdraw),

    serve(contracts.pinSet, setPin.set),
    serve(contracts.pinRemove, removePin.remove),
    serve(contracts.pinChoose, choosePin.choose),
    serve(contracts.pinForget, forgetPin.forget),
    serve(contracts.questionsGet, getQuestions.get),
    serve(contracts.questionsChoose, chooseQuestions.choose),
    serve(contracts.questionsAsk, askQuestions.ask),
    serve(contracts.questionsCheck, checkQuestions.check),

    serve(contracts.handoverCreate, createHandover.create),
    serve(contracts.handoverStart, startHandover.start),
    serve(contracts.handoverVerify, verifyHandover.verify),
    serve(contracts.handoverWait, waitHandover.wait, { maxInFlight: MAX_WAITING }),
    serve(contracts.handoverClaim, claimHandover.claim),
    serve(contracts.handoverResend, resendHandover.resend),
    serve(contracts.handoverCancel, cancelHandover.cancel),

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
    serve(contracts.keysPhones, keysOfPhones.phones),
    serve(contracts.keysRotate, rotateKeys.rotate),
    serve(contracts.keysRewrap, rewrapKeys.rewrap),
    serve(contracts.auditFind, findAudit.find),
    serve(contracts.clusterFinalize, finalizeCluster.finalize),
    // Every replica answers for itself.
    serve(contracts.systemCheck, check, { queue: `app-server.${context.replica}` }),
    serve(contracts.clusterStatus, clusterStatus.status, { queue: `app-server.${context.replica}` }),

    // Open to whoever may publish here: one answer is public, the other is proved by the carrier's own signature.
    endpoint(contracts.keysJwks, () => Promise.resolve(context.signingKeys.jwks())),
    endpoint(contracts.messageStatus, (input, request) => recordMessageStatus(context, input, request)),
  ];
}

type UseCase<O extends Operation> = (
  context: Context,
  input: InputOf<O>,
  request: AuthorisedRequest,
) => Promise<OutputOf<O>>;

interface ServeOptions<O extends Operation> extends Pick<Endpoint, 'maxInFlight' | 'queue'> {
  /** What needs no state to be refused. */
  check?: (context: Context, input: InputOf<O>) => void;
}

/** Who asks, whether they may, whether they asked before: the same for every operation, before its use case sees it. */
function authorisedEndpoint(context: Context) {
  return <O extends Operation>(
    operation: O,
    useCase: UseCase<O>,
    { check, ...options }: ServeOptions<O> = {},
  ): Endpoint =>
    endpoint(
      operation,
      async (input, call) => {
        const application = await context.applications.authenticate(call.credential);
        assertMay(application, operation);
        const traceId = parseTraceparent(call.traceparent)?.traceId;
        const request: AuthorisedRequest = { ...call, application, traceId };
        if (!operation.changes) return useCase(context, input, request);
        check?.(context, input);
        const known = recognisable(context.ring, input);
        return withIdempotency(context, request, known, (attempt) =>
          useCase(context, input, boundAttempt(attempt, known)),
        );
      },
      options,
    );
}
