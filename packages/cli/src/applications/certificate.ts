import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { UsageError } from '../failure.ts';

export const CERTIFICATE_OPTION = {
  kind: 'texts',
  value: 'file or fingerprint',
  description: 'Client certificate that may call too: a PEM file, or the SHA-256 of the DER in hex.',
} as const;

/** Fingerprints of the certificates, lower-case hex. @throws UsageError for what is neither a file nor a fingerprint. */
export function fingerprints(filesOrFingerprints: readonly string[] | undefined): string[] | undefined {
  return filesOrFingerprints?.map((text) => {
    const hex = text.replaceAll(':', '').toLowerCase();
    return /^[0-9a-f]{64}$/.test(hex) ? hex : fingerprintOfFile(text);
  });
}

function fingerprintOfFile(file: string): string {
  try {
    return new X509Certificate(readFileSync(file)).fingerprint256.replaceAll(':', '').toLowerCase();
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    const reason = code === 'ENOENT' ? 'there is no such file' : 'it is not a certificate in PEM or DER';
    throw new UsageError(`--certificate ${JSON.stringify(file)} is not usable: ${reason}.`);
  }
}
