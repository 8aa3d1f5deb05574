import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createAuthority, issueCertificate, type KeyAndCertificate } from '@countersign/testkit';

/** Paths of one holder's certificate and key. */
export interface HolderFiles {
  certificate: string;
  key: string;
  /** Both in one file, as HAProxy wants them. */
  both: string;
}

export interface Certificates {
  /** Path of the authority's certificate. */
  authority: string;
  of(holder: string): HolderFiles;
}

/**
 * One authority for the installation, and a certificate for every server: each is both ends of connections to its like.
 * @param hosts that they are reached at, beside this machine.
 */
export async function ensureHaCertificates(
  dir: string,
  holders: readonly string[],
  hosts: readonly string[],
  now: number,
): Promise<Certificates> {
  const folder = join(dir, 'tls');
  mkdirSync(folder, { recursive: true });
  const authorityFile = join(folder, 'ca.pem');
  const authority = await ensureAuthority(authorityFile, join(folder, 'ca.key'), now);
  const files = (holder: string): HolderFiles => ({
    certificate: join(folder, `${holder}.pem`),
    key: join(folder, `${holder}.key`),
    both: join(folder, `${holder}.both.pem`),
  });
  const names = [...new Set(['localhost', '127.0.0.1', '::1', ...hosts])];
  for (const holder of holders) {
    const { certificate, key, both } = files(holder);
    if (existsSync(both)) continue;
    const issued = await issueCertificate(authority, { commonName: holder, usage: 'both', names, now });
    writeSecret(key, issued.keyPem);
    writeFileSync(certificate, issued.certificatePem);
    writeSecret(both, issued.certificatePem + issued.keyPem);
  }
  return { authority: authorityFile, of: files };
}

async function ensureAuthority(certificateFile: string, keyFile: string, now: number): Promise<KeyAndCertificate> {
  if (existsSync(certificateFile)) {
    return { certificatePem: readFileSync(certificateFile, 'utf8'), keyPem: readFileSync(keyFile, 'utf8') };
  }
  const authority = await createAuthority({ commonName: 'Countersign internal', now });
  writeSecret(keyFile, authority.keyPem);
  writeFileSync(certificateFile, authority.certificatePem);
  return authority;
}

function writeSecret(path: string, text: string): void {
  writeFileSync(path, text, { mode: 0o600 });
  chmodSync(path, 0o600);
}
