import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { DirectorySettings } from '@countersign/contracts';
import { hasSlapd, type Slapd } from '@countersign/testkit';
import { ensureCertificates } from '../dev/certificates.ts';
import type { DevFile } from '../dev/dev-file.ts';
import { directorySettings, startDevDirectory } from '../dev/engines.ts';
import { THIS_MACHINE } from '../dev/machine.ts';
import { newcomers, type Secrets } from '../dev/secrets.ts';
import type { HaLayout } from './ha-layout.ts';

export interface HaDirectory {
  server: Slapd;
  settings: DirectorySettings;
  /** Of whom it alone knows. */
  newcomers: DevFile['newcomers'];
}

/**
 * The organisation's directory, which is no part of the topology: it has an authority of its own, as theirs have.
 * @returns undefined where the machine has no slapd, or app-servers are on others: it listens on this one alone.
 */
export async function startHaDirectory(
  layout: HaLayout,
  secrets: Secrets,
  onCrash: (name: string, reason: string) => void,
): Promise<HaDirectory | undefined> {
  const isHere = layout.site.machines.every((machine) => machine === THIS_MACHINE);
  if (!isHere || !hasSlapd()) return undefined;
  const certificates = await ensureCertificates(join(layout.dir, 'directory-certificates'), Date.now());
  const server = await startDevDirectory(layout, secrets, certificates, onCrash);
  return {
    server,
    settings: directorySettings(server, readFileSync(certificates.ca, 'utf8')),
    newcomers: newcomers(secrets),
  };
}
