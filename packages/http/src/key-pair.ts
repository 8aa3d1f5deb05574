import { createPrivateKey, X509Certificate } from 'node:crypto';

/** Why a certificate and a key cannot serve together, in a sentence without either of them; undefined when they can. */
export function keyPairProblem(certificatePem: string, keyPem: string): string | undefined {
  const certificate = attempt(() => new X509Certificate(certificatePem));
  if (certificate === undefined) return 'The certificate cannot be read as PEM.';
  const key = attempt(() => createPrivateKey(keyPem));
  if (key === undefined) return 'The key cannot be read as PEM, or wants a passphrase.';
  return certificate.checkPrivateKey(key) ? undefined : 'The key is not that of the certificate.';
}

function attempt<T>(work: () => T): T | undefined {
  try {
    return work();
  } catch {
    return undefined;
  }
}
