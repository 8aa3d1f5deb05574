import { applicationsCreate } from './applications/create.ts';
import { applicationsDelete } from './applications/delete.ts';
import { applicationsList } from './applications/list.ts';
import { applicationsRotate } from './applications/rotate.ts';
import { auditTail } from './audit/tail.ts';
import { auditVerify } from './audit/verify.ts';
import { authenticatorsAddApp } from './authenticators/add-app.ts';
import { authenticatorsAddPhone } from './authenticators/add-phone.ts';
import { authenticatorsAddTotp } from './authenticators/add-totp.ts';
import { authenticatorsConfirm } from './authenticators/confirm.ts';
import { authenticatorsList } from './authenticators/list.ts';
import { authenticatorsRemove } from './authenticators/remove.ts';
import { balancerUpdate } from './balancer/update.ts';
import { clusterFinalizeCommand } from './cluster/finalize.ts';
import { clusterInit } from './cluster/init.ts';
import { clusterMoveLeaders } from './cluster/move-leaders.ts';
import { clusterStatusCommand } from './cluster/status.ts';
import { clusterSwitchover } from './cluster/switchover.ts';
import type { CommandDefinition } from './command.ts';
import { directoriesCheck } from './directories/check.ts';
import { directoriesCreate } from './directories/create.ts';
import { directoriesDelete } from './directories/delete.ts';
import { directoriesList } from './directories/list.ts';
import { directoriesUpdate } from './directories/update.ts';
import { doctor } from './doctor/doctor.ts';
import { helpCommand } from './help-command.ts';
import { keysList } from './keys/list.ts';
import { keysRewrapCommand } from './keys/rewrap.ts';
import { keysRotateCommand } from './keys/rotate.ts';
import { policyApply } from './policy/apply.ts';
import { policyEdit } from './policy/edit.ts';
import { policyExplainCommand } from './policy/explain.ts';
import { policyHistory } from './policy/history.ts';
import { policySetCommand } from './policy/set.ts';
import { policyShow } from './policy/show.ts';
import { policyUnset } from './policy/unset.ts';
import { radiusPostureCommand } from './radius/posture.ts';
import { radiusClientsCreate } from './radius-clients/create.ts';
import { radiusClientsDelete } from './radius-clients/delete.ts';
import { radiusClientsList } from './radius-clients/list.ts';
import { radiusClientsShow } from './radius-clients/show.ts';
import { radiusClientsUpdate } from './radius-clients/update.ts';
import { radiusUpstreamsCreate } from './radius-upstreams/create.ts';
import { radiusUpstreamsDelete } from './radius-upstreams/delete.ts';
import { radiusUpstreamsList } from './radius-upstreams/list.ts';
import { radiusUpstreamsUpdate } from './radius-upstreams/update.ts';
import { replicasInvite } from './replicas/invite.ts';
import { joinCommand } from './replicas/join.ts';
import { replicasList } from './replicas/list.ts';
import { replicasRenew } from './replicas/renew.ts';
import { replicasRevoke } from './replicas/revoke.ts';
import { usersBlock } from './users/block.ts';
import { usersBypass } from './users/bypass.ts';
import { usersCreate } from './users/create.ts';
import { usersDelete } from './users/delete.ts';
import { usersDisable } from './users/disable.ts';
import { usersEnable } from './users/enable.ts';
import { usersEndSessions } from './users/end-sessions.ts';
import { usersFind } from './users/find.ts';
import { usersGrantEnrolment } from './users/grant-enrolment.ts';
import { usersRemovePin } from './users/remove-pin.ts';
import { usersSetPin } from './users/set-pin.ts';
import { usersQuestions } from './users/questions.ts';
import { usersShow } from './users/show.ts';
import { usersUnblock } from './users/unblock.ts';
import { usersUnlinkIdentity } from './users/unlink-identity.ts';
import { usersUpdate } from './users/update.ts';
import { usersWithdrawEnrolment } from './users/withdraw-enrolment.ts';
import { version } from './version.ts';

/** Every command, in the order of the help. `docs/command-line.md` has the same, and a test keeps the two in step. */
export const COMMANDS: readonly CommandDefinition[] = [
  usersCreate,
  usersShow,
  usersFind,
  usersUpdate,
  usersEnable,
  usersDisable,
  usersBlock,
  usersUnblock,
  usersBypass,
  usersGrantEnrolment,
  usersWithdrawEnrolment,
  usersSetPin,
  usersRemovePin,
  usersQuestions,
  usersEndSessions,
  usersUnlinkIdentity,

  usersDelete,
  authenticatorsList,
  authenticatorsAddTotp,
  authenticatorsAddPhone,
  authenticatorsAddApp,
  authenticatorsConfirm,
  authenticatorsRemove,
  applicationsCreate,
  applicationsList,
  applicationsRotate,
  applicationsDelete,
  directoriesCreate,
  directoriesList,
  directoriesUpdate,
  directoriesDelete,
  directoriesCheck,
  radiusClientsCreate,
  radiusClientsList,
  radiusClientsShow,
  radiusClientsUpdate,
  radiusClientsDelete,
  radiusUpstreamsCreate,
  radiusUpstreamsList,
  radiusUpstreamsUpdate,
  radiusUpstreamsDelete,
  radiusPostureCommand,
  policyShow,
  policyExplainCommand,
  policySetCommand,
  policyUnset,
  policyEdit,
  policyApply,
  policyHistory,
  keysList,
  keysRotateCommand,
  keysRewrapCommand,
  auditTail,
  auditVerify,
  clusterInit,
  clusterStatusCommand,
  clusterSwitchover,
  clusterMoveLeaders,
  clusterFinalizeCommand,
  replicasInvite,
  joinCommand,
  replicasList,
  replicasRevoke,
  replicasRenew,
  balancerUpdate,
  doctor,
  helpCommand(() => COMMANDS),
  version,
];
