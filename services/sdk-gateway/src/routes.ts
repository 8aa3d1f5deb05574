import {
  authenticatorConfirm,
  authenticatorEnrol,
  authenticatorRemove,
  challengeCancel,
  challengeClaim,
  challengeGet,
  challengeResend,
  challengeStart,
  challengeVerify,
  handoverCreate,
  userBlock,
  userCreate,
  userDelete,
  userFind,
  userGet,
  userUnblock,
  userUpdate,
  type ErrorCode,
  type Operation,
} from '@countersign/contracts';

/**
 * One line of the API. A name in braces in the path is a field of the operation's input; `query` says which parameter
 * is which field; the other fields come in the body.
 */
export interface Route {
  method: 'GET' | 'POST' | 'PATCH' | 'DELETE';
  path: string;
  operation: Operation;
  status: 200 | 201;
  query?: Readonly<Record<string, string>>;
  summary: string;
  /** Beside those that every route has. */
  errors: readonly ErrorCode[];
}

const user: readonly ErrorCode[] = ['USER_NOT_FOUND'];
const authenticator: readonly ErrorCode[] = ['USER_NOT_FOUND', 'AUTHENTICATOR_NOT_FOUND'];

/**
 * Everything a relying application can ask for. What needs the scope `admin`, such as a bypass, is not here: an administrator's key
 * has no business on a host that strangers can reach. `infra/nats/sdk-gateway.conf` names the same operations, and a test compares.
 */
export const ROUTES: readonly Route[] = [
  {
    method: 'POST',
    path: '/v1/challenges',
    operation: challengeStart,
    status: 201,
    summary: 'Start a challenge for a person who is signing in',
    errors: ['USER_NOT_FOUND', 'USER_DISABLED', 'METHOD_UNAVAILABLE'],
  },
  {
    method: 'GET',
    path: '/v1/challenges/{challengeId}',
    operation: challengeGet,
    status: 200,
    query: { wait: 'waitSeconds' },
    summary: 'See where a challenge stands; with wait, hear it when it ends',
    errors: ['CHALLENGE_NOT_FOUND'],
  },
  {
    method: 'POST',
    path: '/v1/challenges/{challengeId}/verify',
    operation: challengeVerify,
    status: 200,
    summary: 'Answer a challenge with the code that the person typed',
    errors: ['CHALLENGE_NOT_FOUND', 'CHALLENGE_CLOSED', 'CODE_REJECTED', 'PIN_NEEDED'],
  },
  {
    method: 'POST',
    path: '/v1/challenges/{challengeId}/claim',
    operation: challengeClaim,
    status: 200,
    summary: 'Fetch the result of a challenge that was approved in the app',
    errors: ['CHALLENGE_NOT_FOUND', 'CHALLENGE_CLOSED'],
  },
  {
    method: 'POST',
    path: '/v1/challenges/{challengeId}/resend',
    operation: challengeResend,
    status: 200,
    summary: 'Send a new code in place of the one before',
    errors: ['CHALLENGE_NOT_FOUND', 'CHALLENGE_CLOSED'],
  },
  {
    method: 'POST',
    path: '/v1/challenges/{challengeId}/cancel',
    operation: challengeCancel,
    status: 200,
    summary: 'End a challenge that nobody will answer any more',
    errors: ['CHALLENGE_NOT_FOUND', 'CHALLENGE_CLOSED'],
  },
  {
    method: 'POST',
    path: '/v1/users',
    operation: userCreate,
    status: 201,
    summary: 'Create a user',
    errors: ['USER_EXISTS'],
  },
  {
    method: 'GET',
    path: '/v1/users',
    operation: userFind,
    status: 200,
    query: { username: 'username', prefix: 'prefix', limit: 'limit', after: 'after' },
    summary: 'Find users by name or alias, or by how it begins',
    errors: [],
  },
  {
    method: 'GET',
    path: '/v1/users/{userId}',
    operation: userGet,
    status: 200,
    summary: 'Read a user',
    errors: user,
  },
  {
    method: 'PATCH',
    path: '/v1/users/{userId}',
    operation: userUpdate,
    status: 200,
    summary: 'Change what is named in the body and nothing else',
    errors: ['USER_NOT_FOUND', 'USER_EXISTS'],
  },
  {
    method: 'DELETE',
    path: '/v1/users/{userId}',
    operation: userDelete,
    status: 200,
    summary: 'Delete a user with everything that belongs to it',
    errors: user,
  },
  {
    method: 'POST',
    path: '/v1/users/{userId}/block',
    operation: userBlock,
    status: 200,
    summary: 'Block a user at once, with a reason',
    errors: user,
  },
  {
    method: 'POST',
    path: '/v1/users/{userId}/unblock',
    operation: userUnblock,
    status: 200,
    summary: 'End a block, with a reason',
    errors: user,
  },
  {
    method: 'POST',
    path: '/v1/users/{userId}/authenticators',
    operation: authenticatorEnrol,
    status: 201,
    summary: 'Begin to enrol an authenticator: a TOTP app, a phone, or the Countersign authenticator',
    errors: ['USER_NOT_FOUND', 'AUTHENTICATOR_LIMIT'],
  },
  {
    method: 'POST',
    path: '/v1/users/{userId}/authenticators/{authenticatorId}/confirm',
    operation: authenticatorConfirm,
    status: 200,
    summary: 'Finish an enrolment with the first code',
    errors: [...authenticator, 'CODE_REJECTED'],
  },
  {
    method: 'DELETE',
    path: '/v1/users/{userId}/authenticators/{authenticatorId}',
    operation: authenticatorRemove,
    status: 200,
    summary: 'Remove an authenticator at once',
    errors: authenticator,
  },
  {
    method: 'POST',
    path: '/v1/handovers',
    operation: handoverCreate,
    status: 201,
    summary: 'Make a link that sends a person to the portal for the second factor',
    errors: ['NOT_ALLOWED'],
  },
];

/** What any route may answer beside its own errors. */
export const COMMON_ERRORS: readonly ErrorCode[] = [
  'REQUEST_INVALID',
  'UNAUTHENTICATED',
  'FORBIDDEN',
  'TRY_LATER',
  'INTERNAL',
  'UNAVAILABLE',
];

/** What a route that changes something may answer besides. */
const CHANGING_ERRORS: readonly ErrorCode[] = ['IDEMPOTENCY_KEY_REUSED', 'IDEMPOTENCY_KEY_BUSY', 'PRIMARY_UNAVAILABLE'];

export function errorsOf(route: Route): ErrorCode[] {
  return [...new Set([...COMMON_ERRORS, ...(route.operation.changes ? CHANGING_ERRORS : []), ...route.errors])];
}
