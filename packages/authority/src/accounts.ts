import {
  createAccount,
  createOperator,
  createUser,
  decode,
  fmtCreds,
  encodeAccount,
  encodeOperator,
  encodeUser,
  newScopedSigner,
  fromSeed,
} from '@nats-io/jwt';
import { OWN_INBOX, permissionsOf, type Permissions } from './permissions.ts';
import { ROLE_NAMES, type RoleName } from './services.ts';

/** Keys of NATS that any app-server needs to admit a replica or to cut one off. Each is the seed of an nkey. */
export interface NatsSecrets {
  /** Signs accounts on behalf of the operator, whose own key stays with the administrator. */
  operatorSigning: string;
  /** One for each service: who holds it makes users with that service's permissions, and no others. */
  roles: Record<RoleName, string>;
  /** Makes users of the system account that may hand in accounts, and nothing else. */
  claims: string;
}

/** What NATS servers are told; nothing of it is secret. */
export interface NatsPublic {
  operatorJwt: string;
  /** Public keys. */
  account: string;
  systemAccount: string;
  systemAccountJwt: string;
}

/** Stays with the administrator: who holds it can replace everything above. */
export interface OperatorSecrets {
  operator: string;
  account: string;
  systemAccount: string;
}

const ACCOUNT = 'COUNTERSIGN';
const SYSTEM_ACCOUNT = 'SYS';
const STANDARD = ['STANDARD' as const];
export const CLAIMS_SUBJECT = '$SYS.REQ.CLAIMS.UPDATE';
/** A user of the system account lives as long as handing in one account takes. */
const CLAIMS_USER_LIFE_SECONDS = 60;
/** Nobody outside reaches in by import or leaf node. Memory and disk are bounded by each server's own configuration. */
const LIMITS = {
  subs: -1,
  data: -1,
  payload: -1,
  imports: 0,
  exports: 0,
  wildcards: false,
  conn: -1,
  leaf: 0,
  disallow_bearer: true,
};
const JETSTREAM_LIMITS = { mem_storage: -1, disk_storage: -1, streams: -1, consumer: -1 };

/** The keys of a new installation. */
export async function createNatsAuthority(name: string): Promise<{
  operator: OperatorSecrets;
  secrets: NatsSecrets;
  published: NatsPublic;
}> {
  const [operator, operatorSigning] = [createOperator(), createOperator()];
  const [account, systemAccount, claims] = [createAccount(), createAccount(), createAccount()];
  const roles = Object.fromEntries(ROLE_NAMES.map((role) => [role, seedOf(createAccount())])) as NatsSecrets['roles'];
  const operatorJwt = await encodeOperator(name, operator, {
    signing_keys: [operatorSigning.getPublicKey()],
    system_account: systemAccount.getPublicKey(),
  });
  const systemAccountJwt = await encodeAccount(
    SYSTEM_ACCOUNT,
    systemAccount.getPublicKey(),
    {
      limits: LIMITS,
      signing_keys: [roleOf(claims.getPublicKey(), 'claims', { publish: [CLAIMS_SUBJECT], subscribe: [] })],
    },
    { signer: operatorSigning },
  );
  return {
    operator: { operator: seedOf(operator), account: seedOf(account), systemAccount: seedOf(systemAccount) },
    secrets: { operatorSigning: seedOf(operatorSigning), roles, claims: seedOf(claims) },
    published: {
      operatorJwt,
      account: account.getPublicKey(),
      systemAccount: systemAccount.getPublicKey(),
      systemAccountJwt,
    },
  };
}

export type RolePermissions = Record<RoleName, Permissions>;

/** As the files of this release have them. */
export function rolePermissions(): RolePermissions {
  return Object.fromEntries(ROLE_NAMES.map((role) => [role, permissionsOf(role)])) as RolePermissions;
}

/** What either allows. */
export function unitePermissions(before: Partial<RolePermissions>, after: RolePermissions): RolePermissions {
  const unite = (a: readonly string[] = [], b: readonly string[]) => [...new Set([...a, ...b])].toSorted();
  return Object.fromEntries(
    ROLE_NAMES.map((role) => [
      role,
      {
        publish: unite(before[role]?.publish, after[role].publish),
        subscribe: unite(before[role]?.subscribe, after[role].subscribe),
      },
    ]),
  ) as RolePermissions;
}

/**
 * Clocks differ, and a key that was revoked never comes back: what it was given is void whenever it was given.
 * 2100-01-01, seconds.
 */
const FOREVER = 4_102_444_800;

/** The account with its roles. @param revoked public keys of users who are out, however new their credentials are. */
export function accountJwt(
  published: NatsPublic,
  secrets: NatsSecrets,
  permissions: RolePermissions,
  revoked: readonly string[],
): Promise<string> {
  return encodeAccount(
    ACCOUNT,
    published.account,
    {
      limits: { ...LIMITS, ...JETSTREAM_LIMITS },
      signing_keys: ROLE_NAMES.map((role) => roleOf(publicKeyOf(secrets.roles[role]), role, permissions[role])),
      ...(revoked.length > 0 && { revocations: Object.fromEntries(revoked.map((key) => [key, FOREVER])) }),
    },
    { signer: fromSeed(bytes(secrets.operatorSigning)) },
  );
}

/**
 * Makes users who may do this and nothing else. The library adds `resp` with zeros, which NATS takes for its own bounds: whoever heard
 * a message could answer it on whatever subject the message names, a stream's too.
 */
function roleOf(signer: string, role: string, { publish, subscribe }: Permissions) {
  const key = newScopedSigner(signer, role, {
    pub: { allow: publish },
    sub: { allow: [...subscribe, OWN_INBOX] },
    allowed_connection_types: STANDARD,
  });
  const { resp: _, ...template } = key.template;
  return { ...key, template };
}

/** @param user public key, made where the seed stays. @param expiresAt ms since the epoch. */
export function userJwt(
  published: NatsPublic,
  secrets: NatsSecrets,
  { name, role, user, expiresAt }: { name: string; role: RoleName; user: string; expiresAt: number },
): Promise<string> {
  const signer = fromSeed(bytes(secrets.roles[role]));
  return encodeUser(name, user, published.account, {}, { signer, scopedUser: true, exp: Math.floor(expiresAt / 1000) });
}

/** Credentials that hand in an account within the next minute. */
export async function claimsCredentials(published: NatsPublic, secrets: NatsSecrets, now: number): Promise<string> {
  const user = createUser();
  const jwt = await encodeUser(
    `claims-${user.getPublicKey().slice(-8)}`,
    user,
    published.systemAccount,
    {},
    {
      signer: fromSeed(bytes(secrets.claims)),
      scopedUser: true,
      exp: Math.floor(now / 1000) + CLAIMS_USER_LIFE_SECONDS,
    },
  );
  return credentialsText(jwt, seedOf(user));
}

export interface UserKey {
  publicKey: string;
  seed: string;
}

export function createUserKey(): UserKey {
  const user = createUser();
  return { publicKey: user.getPublicKey(), seed: seedOf(user) };
}

/** Text of a credentials file as NATS clients read it. */
export function credentialsText(jwt: string, seed: string): string {
  return new TextDecoder().decode(fmtCreds(jwt, fromSeed(bytes(seed))));
}

/** @throws when the text is no seed. */
export function publicKeyOf(seed: string): string {
  return fromSeed(bytes(seed)).getPublicKey();
}

/** The form of a user's public key; NATS checks the rest. */
export const USER_KEY = '^U[A-Z2-7]{55}$';

function seedOf(pair: { getSeed(): Uint8Array }): string {
  return new TextDecoder().decode(pair.getSeed());
}

function bytes(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

/** The second in which a JWT was issued, since the epoch: by the clock of this machine, as the library does it. */
export function issuedAt(jwt: string): number {
  return decode(jwt).iat;
}
