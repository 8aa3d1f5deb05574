import type { Policy } from '@countersign/contracts';
import { decodeAttestationObject } from '@simplewebauthn/server/helpers';
import { X509Certificate } from 'node:crypto';
import { leadsTo } from './certificate-chain.ts';
import type { Metadata } from './metadata.ts';

/** Why a key that works is not taken where the policy wants to know which make it is. */
export type AttestationRefusal =
  /** It says nothing of its make that somebody else signed. */
  | 'unattested'
  /** Nobody knows its model, or its keys are not kept by hardware, or the policy does not list it. */
  | 'model'
  /** Something is known of the model by which its keys prove nothing. */
  | 'compromised'
  /** What was signed does not lead to the maker of the model. */
  | 'maker'
  /** It can be copied to other devices. */
  | 'copied'
  /** This app-server has no metadata to hold it against. */
  | 'metadata';

export interface Attested {
  aaguid: string;
  backupEligible: boolean;
  /** CBOR, as the browser sent it; its own signature was checked. */
  attestationObject: Uint8Array;
}

/**
 * Whether a new key is of a make that the policy takes, and of which (WEB-08). That it signed its statement was checked before; here it is
 * asked who vouches for whoever signed.
 * @see WebAuthn Level 3 section 7.1, steps 22 to 25
 */
export function judgeAttestation(
  { aaguid, backupEligible, attestationObject }: Attested,
  metadata: Metadata | undefined,
  policy: Pick<Policy['passkeys'], 'models'>,
  now: number,
): { model: string } | { refused: AttestationRefusal } {
  if (metadata === undefined) return { refused: 'metadata' };
  // Signed by nobody, or by the new key itself: then there is no certificate.
  const chain = certificatesOf(attestationObject);
  if (chain === undefined) return { refused: 'unattested' };
  if (backupEligible) return { refused: 'copied' };
  const model = metadata.models.get(aaguid);
  if (model === undefined || !model.isHardware || !isListed(aaguid, policy)) return { refused: 'model' };
  if (model.isCompromised) return { refused: 'compromised' };
  return leadsTo(chain, model.anchors, now) ? { model: model.description } : { refused: 'maker' };
}

/** Whether the policy takes a model; an empty list is none. */
export function isListed(aaguid: string, { models }: Pick<Policy['passkeys'], 'models'>): boolean {
  return models.length === 0 || models.includes(aaguid);
}

function certificatesOf(attestationObject: Uint8Array): X509Certificate[] | undefined {
  const x5c = decodeAttestationObject(new Uint8Array(attestationObject)).get('attStmt').get('x5c');
  return x5c === undefined || x5c.length === 0 ? undefined : x5c.map((der) => new X509Certificate(der));
}
