import { X509Certificate } from 'node:crypto';

/** No authority of keys or of their metadata has more between leaf and root. */
const LONGEST_CHAIN = 6;

/**
 * Whether a chain of certificates, leaf first, leads to one of the anchors. Nothing is asked over the network: whether an authority was
 * taken back is said by the status of its model in the metadata, and a machine without a way out must come to the same answer.
 * @see RFC 5280 section 6.1, and FIDO Metadata Statement section 4, where an anchor may be the leaf itself
 */
export function leadsTo(chain: readonly X509Certificate[], anchors: readonly X509Certificate[], now: number): boolean {
  const [leaf] = chain;
  if (leaf === undefined || chain.length > LONGEST_CHAIN) return false;
  const isValid = (certificate: X509Certificate) =>
    certificate.validFromDate.getTime() <= now && now <= certificate.validToDate.getTime();
  if (!chain.every(isValid)) return false;
  if (anchors.some((anchor) => anchor.raw.equals(leaf.raw))) return chain.length === 1;
  const isLinked = chain.every((certificate, index) => {
    const next = chain[index + 1];
    return next === undefined || (next.ca && isSignedBy(certificate, next));
  });
  const last = chain.at(-1) ?? leaf;
  const ends = (anchor: X509Certificate) =>
    isValid(anchor) && (anchor.raw.equals(last.raw) || (anchor.ca && isSignedBy(last, anchor)));
  return isLinked && anchors.some(ends);
}

function isSignedBy(certificate: X509Certificate, issuer: X509Certificate): boolean {
  return certificate.checkIssued(issuer) && certificate.verify(issuer.publicKey);
}

/** @param der base64, as in `x5c` (RFC 7515 section 4.1.6). @throws Error for what is no certificate. */
export function certificateOf(der: string): X509Certificate {
  return new X509Certificate(Buffer.from(der, 'base64'));
}
