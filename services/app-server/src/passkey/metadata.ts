import { X509Certificate } from 'node:crypto';
import { SettingsService } from '@simplewebauthn/server';
import { compactVerify, decodeProtectedHeader } from 'jose';
import { certificateOf, leadsTo } from './certificate-chain.ts';

/** What the makers of keys say of one model, and the FIDO Alliance of them. */
export interface KeyModel {
  /** For people. */
  description: string;
  /** Its keys are kept by hardware. */
  isHardware: boolean;
  /** Something is known of it by which its keys prove nothing. */
  isCompromised: boolean;
  /** What its attestations lead to. */
  anchors: readonly X509Certificate[];
}

/** What the FIDO Metadata Service says of all models, as of one of its numbers. */
export interface Metadata {
  number: number;
  /** `YYYY-MM-DD`: when the next one was to come. */
  nextUpdate: string;
  /** By AAGUID. */
  models: ReadonlyMap<string, KeyModel>;
}

/** The certificate that signs has this name. Its authority signs certificates of half the world. @see FIDO Metadata Service section 3.2 */
const SIGNED_AS = 'mds.fidoalliance.org';
const ALGORITHMS = ['RS256', 'ES256'];
/** @see FIDO Metadata Service section 3.1.4 */
const COMPROMISED: ReadonlySet<string> = new Set([
  'REVOKED',
  'USER_VERIFICATION_BYPASS',
  'ATTESTATION_KEY_COMPROMISE',
  'USER_KEY_REMOTE_COMPROMISE',
  'USER_KEY_PHYSICAL_COMPROMISE',
]);

/** As much as is read of the payload. */
interface Payload {
  no: number;
  nextUpdate: string;
  entries: readonly {
    aaguid?: string;
    metadataStatement?: {
      description?: string;
      keyProtection?: readonly string[];
      attestationRootCertificates?: readonly string[];
    };
    statusReports?: readonly { status: string }[];
  }[];
}

/**
 * Reads the file of the FIDO Metadata Service (a JWS), when it is signed as it has to be.
 * @param root PEM of an authority whose metadata counts in place of the FIDO Alliance's.
 * @throws Error which says what is wrong with the file.
 */
export async function readMetadata(blob: string, now: number, root?: string): Promise<Metadata> {
  const { x5c = [] } = decodeProtectedHeader(blob);
  const chain = x5c.map(certificateOf);
  const [leaf] = chain;
  const anchors = root === undefined ? fidoRoots() : [new X509Certificate(root)];
  if (leaf === undefined || !leadsTo(chain, anchors, now))
    throw new Error('it is not signed by a certificate of its authority');
  if (root === undefined && leaf.checkHost(SIGNED_AS) === undefined)
    throw new Error(`it is not signed by ${SIGNED_AS}`);
  const { payload } = await compactVerify(blob, leaf.publicKey, { algorithms: ALGORITHMS });
  const { no, nextUpdate, entries } = JSON.parse(new TextDecoder().decode(payload)) as Payload;
  const isWhole = Number.isInteger(no) && !Number.isNaN(Date.parse(nextUpdate)) && Array.isArray(entries);
  if (!isWhole) throw new Error('it lacks its number, its entries or the date of the next one');
  return { number: no, nextUpdate, models: new Map(entries.flatMap(modelOf)) };
}

/** Keys of before FIDO2 have no AAGUID, and no way to be unlocked: they are left out. */
function modelOf({
  aaguid,
  metadataStatement: statement,
  statusReports = [],
}: Payload['entries'][number]): [string, KeyModel][] {
  if (aaguid === undefined || statement === undefined) return [];
  const model = {
    description: statement.description ?? aaguid,
    isHardware: statement.keyProtection?.includes('hardware') ?? false,
    isCompromised: statusReports.some(({ status }) => COMPROMISED.has(status)),
    anchors: (statement.attestationRootCertificates ?? []).flatMap(anchorOf),
  };
  return [[aaguid.toLowerCase(), model]];
}

/** One that nobody can read is no anchor, and takes nothing from the others. */
function anchorOf(der: string): X509Certificate[] {
  try {
    return [certificateOf(der)];
  } catch {
    return [];
  }
}

function fidoRoots(): X509Certificate[] {
  return SettingsService.getRootCertificates({ identifier: 'mds' }).map((pem) => new X509Certificate(pem));
}
