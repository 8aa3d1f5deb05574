import { Type, type Static } from 'typebox';
import { USER_KEY } from './accounts.ts';
import { REPLICA_NAME, SERVICE_NAMES } from './services.ts';

const closed = { additionalProperties: false } as const;
const Pem = Type.String({ pattern: '^-----BEGIN [A-Z ]+-----', maxLength: 8192 });
const UserKey = Type.String({ pattern: USER_KEY, description: 'Public key of the NATS user; its seed stays.' });

/** `POST /join`: a machine that was invited asks to be admitted. */
export const JoinRequest = Type.Object(
  {
    id: Type.String({ pattern: '^[A-Za-z0-9_-]{22}$' }),
    secret: Type.String({ pattern: '^[A-Za-z0-9_-]{43}$' }),
    service: Type.Enum(SERVICE_NAMES),
    name: Type.String({ pattern: REPLICA_NAME }),
    certificateRequest: Pem,
    /** Absent for a service that is no user of NATS. */
    natsKey: Type.Optional(UserKey),
  },
  closed,
);
export type JoinRequest = Static<typeof JoinRequest>;

/** `POST /join/renew`, over a connection with the present certificate: another certificate, and credentials for as long. */
export const RenewRequest = Type.Object({ certificateRequest: Pem, natsKey: Type.Optional(UserKey) }, closed);
export type RenewRequest = Static<typeof RenewRequest>;

/** What a replica is given. Secrets in it: the values of `secretSettings`. */
export interface Admission {
  service: string;
  name: string;
  certificate: string;
  authority: string;
  /** ISO 8601; certificate and credentials end together. */
  expiresAt: string;
  /** Complete with the seed they make the credentials file. */
  natsJwt?: string;
  /** Where app-servers are asked from now on; told to who renews. */
  joinUrls?: string[];
  /** Lines of the environment file. */
  settings: Record<string, string>;
  /** Settings whose values go into files of their own. */
  secretSettings: Record<string, string>;
}

/** `GET /join/members`, over a connection with the certificate of a balancer. */
export interface MembersAnswer {
  /** Where app-servers are asked for this, and for renewing. */
  joinUrls: string[];
  /** Every replica that requests may be sent to, as far as it is ready. The first host is where it is reached. */
  members: { name: string; service: string; hosts: string[] }[];
}

/** `GET /join/authority`: to be believed only when its fingerprint is the one that the token pins. */
export interface AuthorityAnswer {
  certificate: string;
}
