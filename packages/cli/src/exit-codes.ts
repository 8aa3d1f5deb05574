import type { ErrorCode } from '@countersign/contracts';

/** What a script may branch on. `docs/command-line.md` has the same rows, and a test keeps them in step. */
export const EXIT = {
  ok: { code: 0, meaning: 'Done.' },
  checkFailed: {
    code: 1,
    meaning:
      '`doctor`, `directories check` or `radius posture` found something that has to be mended, or `audit verify` something that does not stand.',
  },
  usage: { code: 2, meaning: 'The command, an argument or an option is wrong. Nothing was asked of the server.' },
  settings: { code: 3, meaning: 'A setting is missing or wrong.' },
  credential: { code: 4, meaning: 'The API key is missing, unknown, revoked, or has too few scopes.' },
  notFound: {
    code: 5,
    meaning: 'There is no such user, authenticator, application, directory, RADIUS client or replica.',
  },
  conflict: { code: 6, meaning: 'What is there already does not allow it.' },
  notConfirmed: { code: 7, meaning: 'You did not confirm, or nobody could be asked: use `--yes`.' },
  rejected: { code: 8, meaning: 'The value or the code was not accepted.' },
  tryAgain: { code: 9, meaning: 'It may work later: no connection, no primary, or too many tries.' },
  internal: { code: 70, meaning: 'A fault of ours.' },
  interrupted: { code: 130, meaning: 'Ended with Ctrl-C.' },
} as const satisfies Record<string, { code: number; meaning: string }>;

export type ExitName = keyof typeof EXIT;

/** The exit code and what to do, for every code that an operation may answer. */
export const ERROR_OUTCOMES: Readonly<Record<ErrorCode, { exit: ExitName; advice: string }>> = {
  REQUEST_INVALID: { exit: 'rejected', advice: 'Mend the value that is named and repeat the command.' },
  UNAUTHENTICATED: {
    exit: 'credential',
    advice: 'Set COUNTERSIGN_ADMIN_KEY, or the file that COUNTERSIGN_ADMIN_KEY_FILE names, to a key that is valid.',
  },
  FORBIDDEN: { exit: 'credential', advice: 'Use a key of an application that has the scope admin.' },
  SIGN_IN_NEEDED: { exit: 'credential', advice: 'Sign in at the portal.' },
  STEP_UP_NEEDED: { exit: 'credential', advice: 'Confirm with a second factor at the portal.' },
  NOT_ALLOWED: { exit: 'conflict', advice: 'See why with: countersign policy explain' },
  PIN_NEEDED: { exit: 'conflict', advice: 'Give the user one: countersign users set-pin <user>' },
  ACCESS_CODE_NEEDED: { exit: 'conflict', advice: 'Give the user one: countersign users grant-enrolment <user>' },
  DEVICE_UNKNOWN: { exit: 'notFound', advice: 'Activate the phone again: countersign authenticators add-app <user>' },
  SIGNATURE_INVALID: { exit: 'credential', advice: 'Look whether a balancer changes what phones send.' },
  CLOCK_WRONG: { exit: 'rejected', advice: 'Set the clock of the phone.' },
  REPLAYED: { exit: 'rejected', advice: 'Send a new request.' },
  JOIN_REFUSED: { exit: 'credential', advice: 'Ask for a new token: countersign replicas invite' },
  RENEWAL_REFUSED: { exit: 'credential', advice: 'Ask for a token and join this machine again: countersign join' },
  ACTIVATION_NOT_FOUND: { exit: 'notFound', advice: 'Give a new code: countersign authenticators add-app <user>' },
  CHALLENGE_NOT_FOUND: { exit: 'notFound', advice: 'Start a new challenge.' },
  USER_NOT_FOUND: { exit: 'notFound', advice: 'Look for the name with: countersign users find <beginning>' },
  AUTHENTICATOR_NOT_FOUND: {
    exit: 'notFound',
    advice: 'See which there are with: countersign authenticators list <user>',
  },
  APPLICATION_NOT_FOUND: { exit: 'notFound', advice: 'See which there are with: countersign applications list' },
  REPLICA_NOT_FOUND: { exit: 'notFound', advice: 'See which there are with: countersign replicas list --all' },
  RADIUS_CLIENT_NOT_FOUND: { exit: 'notFound', advice: 'See which there are with: countersign radius-clients list' },
  RADIUS_UPSTREAM_NOT_FOUND: {
    exit: 'notFound',
    advice: 'See which there are with: countersign radius-upstreams list',
  },
  APPLICATION_USED: { exit: 'conflict', advice: 'See which client has it with: countersign radius-clients list' },
  RADIUS_CLIENT_EXISTS: { exit: 'conflict', advice: 'See which one has it with: countersign radius-clients list' },
  RADIUS_CLIENT_CONFLICT: { exit: 'conflict', advice: 'Look at it again, then repeat the command.' },
  RADIUS_UPSTREAM_EXISTS: { exit: 'conflict', advice: 'Choose another name.' },
  RADIUS_UPSTREAM_CONFLICT: { exit: 'conflict', advice: 'Look at it again, then repeat the command.' },
  RADIUS_UPSTREAM_USED: { exit: 'conflict', advice: 'See which client uses it with: countersign radius-clients list' },
  RADIUS_UPSTREAM_UNAVAILABLE: { exit: 'tryAgain', advice: 'Look why: countersign doctor' },
  DIRECTORY_NOT_FOUND: { exit: 'notFound', advice: 'See which there are with: countersign directories list' },
  ROUTE_NOT_FOUND: { exit: 'internal', advice: 'Report it.' },
  CHALLENGE_CLOSED: { exit: 'conflict', advice: 'Start a new challenge.' },
  USER_EXISTS: { exit: 'conflict', advice: 'See who has it with: countersign users show <name>' },
  USER_DISABLED: { exit: 'conflict', advice: 'See why with: countersign users show <user>' },
  METHOD_UNAVAILABLE: {
    exit: 'conflict',
    advice: 'Enrol an authenticator, allow the method in the policy, or unblock a user who reported a login.',
  },
  QUESTIONS_MISSING: {
    exit: 'conflict',
    advice: 'Call back on a number that you know, or see an identity card.',
  },
  AUTHENTICATOR_LIMIT: {
    exit: 'conflict',
    advice: 'Remove one, or raise the bound with: countersign policy set users.maxAuthenticators <number>',
  },
  LAST_AUTHENTICATOR: { exit: 'conflict', advice: 'Enrol another one first.' },
  DIRECTORY_EXISTS: { exit: 'conflict', advice: 'Choose another name. See them with: countersign directories list' },
  DIRECTORY_CONFLICT: { exit: 'conflict', advice: 'Look at it again, then repeat the command.' },
  REPLICA_EXISTS: {
    exit: 'conflict',
    advice: 'See it with: countersign replicas list. Revoke it, or choose another name.',
  },
  AUTHORITY_MISSING: {
    exit: 'conflict',
    advice: 'See docs/operations/joining.md: app-server needs authority.json and COUNTERSIGN_JOIN_URLS.',
  },
  POLICY_CONFLICT: { exit: 'conflict', advice: 'Look at it with: countersign policy show. Then repeat the command.' },
  UPGRADE_UNFINISHED: {
    exit: 'conflict',
    advice: 'See which with: countersign cluster status. Upgrade it, then repeat the command.',
  },
  IDEMPOTENCY_KEY_REUSED: { exit: 'internal', advice: 'Report it.' },
  IDEMPOTENCY_KEY_BUSY: { exit: 'tryAgain', advice: 'Repeat the command in a moment.' },
  CODE_REJECTED: {
    exit: 'rejected',
    advice: 'Wait for the next code and type that one. Check the clock of the phone.',
  },
  NUMBER_WRONG: { exit: 'rejected', advice: 'Start a new challenge, and type the number that the page shows.' },
  DISPLAY_MISMATCH: { exit: 'rejected', advice: 'Start a new challenge. If it lasts, remove the phone and report it.' },
  PASSKEY_NEEDED: { exit: 'rejected', advice: 'Turn on the passkey on the page of the account in the app.' },
  PASSKEY_REJECTED: { exit: 'rejected', advice: 'Repeat. If it lasts, remove the phone and activate it again.' },
  KEY_NOT_ACCEPTED: {
    exit: 'rejected',
    advice: 'See which keys the policy takes: countersign policy explain passkeys',
  },
  METADATA_UNAVAILABLE: { exit: 'tryAgain', advice: 'See what is wrong with the metadata: countersign doctor' },
  PIN_WEAK: { exit: 'rejected', advice: 'Give another one, or none: then one is made.' },
  PIN_USED_BEFORE: { exit: 'rejected', advice: 'Give another one.' },
  CREDENTIALS_REJECTED: { exit: 'rejected', advice: 'Look whether name and password are right.' },
  PASSWORD_EXPIRED: { exit: 'rejected', advice: 'Change the password in the directory.' },
  DIRECTORY_UNAVAILABLE: { exit: 'tryAgain', advice: 'Look why: countersign directories check <directory>' },
  TRY_LATER: { exit: 'tryAgain', advice: 'Wait, then repeat the command.' },
  INTERNAL: {
    exit: 'internal',
    advice: 'Look for the attempt in the logs of app-server. countersign doctor may say what is wrong.',
  },
  PRIMARY_UNAVAILABLE: { exit: 'tryAgain', advice: 'Repeat the command. If it lasts: countersign doctor' },
  UNAVAILABLE: {
    exit: 'tryAgain',
    advice: 'Look whether it was done, then repeat the command. If it lasts: countersign doctor',
  },
};
