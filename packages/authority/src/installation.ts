import { Type, type Static } from 'typebox';
import { Compile } from 'typebox/compile';
import { createNatsAuthority, type OperatorSecrets } from './accounts.ts';
import { createAuthority } from './certificates.ts';
import { REPLICA_NAME, ROLE_NAMES, SERVICE_NAMES } from './services.ts';

const Seed = Type.String({ pattern: '^S[A-Z2-7]{57}$' });
const Pem = Type.String({ pattern: '^-----BEGIN ' });

/** Whoever was admitted while the installation was made. */
const Founder = Type.Object({
  name: Type.String({ pattern: REPLICA_NAME }),
  service: Type.Enum(SERVICE_NAMES),
  hosts: Type.Array(Type.String()),
  fingerprint: Type.String({ pattern: '^[0-9a-f]{64}$' }),
  natsKey: Type.Optional(Type.String()),
  /** Its own database login. */
  postgresLogin: Type.Optional(Type.String()),
  /** ms since the epoch. */
  expiresAt: Type.Integer(),
});
export type Founder = Static<typeof Founder>;

const Secrets = Type.Object({
  certificateKey: Pem,
  operatorSigning: Seed,
  roles: Type.Object(Object.fromEntries(ROLE_NAMES.map((role) => [role, Seed])) as Record<string, typeof Seed>),
  claims: Seed,
});

/** What app-server needs to admit replicas: `authority.json`, read once and kept in Postgres, its secrets sealed. */
const Installation = Type.Object({
  version: Type.Literal(1),
  certificate: Pem,
  operatorJwt: Type.String(),
  account: Type.String(),
  systemAccount: Type.String(),
  systemAccountJwt: Type.String(),
  secrets: Secrets,
  founders: Type.Array(Founder),
});
type Written = Static<typeof Installation>;
const check = Compile(Installation);

export interface InstallationSecrets {
  /** Of the certificate authority, PKCS #8. */
  certificateKey: string;
  operatorSigning: string;
  roles: Record<(typeof ROLE_NAMES)[number], string>;
  claims: string;
}
export interface Installation extends Omit<Written, 'secrets'> {
  secrets: InstallationSecrets;
}

/** @throws Error when the text is not what `countersign cluster init` writes; it repeats nothing of it. */
export function readInstallation(text: string): Installation {
  let content: unknown;
  try {
    content = JSON.parse(text);
  } catch {
    content = undefined;
  }
  if (!check.Check(content)) throw new Error('The authority is not what countersign cluster init writes.');
  return content as Installation;
}

/** A new installation without founders, and what the administrator alone keeps. */
export async function createInstallation(
  name: string,
  now: number,
): Promise<{ installation: Installation; operator: OperatorSecrets }> {
  const certificates = await createAuthority({ commonName: `${name} internal CA`, now });
  const { operator, secrets, published } = await createNatsAuthority(name);
  const installation: Installation = {
    version: 1,
    certificate: certificates.certificatePem,
    ...published,
    secrets: { certificateKey: certificates.keyPem, ...secrets },
    founders: [],
  };
  return { installation, operator };
}
