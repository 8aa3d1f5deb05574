import { credentialsText } from './accounts.ts';
import type { Admission } from './admission.ts';
import type { ServiceName } from './services.ts';

/** Path below the replica's folder to text. All of them are for the service alone: mode 600. */
export type Files = Record<string, string>;

/** Read by `countersign replicas renew`. */
export interface ReplicaDescription {
  service: ServiceName;
  name: string;
  hosts: readonly string[];
  joinUrls: readonly string[];
}
export const DESCRIPTION_FILE = 'replica.json';

/** Whoever serves HTTPS with the certificate of its joining. */
const SERVES: ReadonlySet<string> = new Set([
  'app-server',
  'sdk-gateway',
  'user-portal',
  'mobile-app-web-service',
  'radius-server',
]);

/**
 * What a replica finds on its machine: certificate, key, authority, credentials, and an environment file that names them.
 * @param folder where the files will be, as the environment file names it.
 * @param natsSeed of the user whose JWT the admission holds.
 */
export function replicaFiles(
  admission: Admission,
  description: ReplicaDescription,
  { folder, keyPem, natsSeed }: { folder: string; keyPem: string; natsSeed: string | undefined },
): Files {
  const { service, name } = description;
  const files: Files = {
    'tls.pem': admission.certificate,
    'tls.key': keyPem,
    'ca.pem': admission.authority,
    [DESCRIPTION_FILE]: `${JSON.stringify(description, undefined, 2)}\n`,
  };
  if (service === 'balancer') files['tls.both.pem'] = bothOf(admission.certificate, keyPem);
  if (!hasSettings(service)) return files;
  const settings: Record<string, string> = { ...admission.settings };
  if (service !== 'admin') settings['COUNTERSIGN_REPLICA'] = name;
  if (SERVES.has(service)) {
    settings['COUNTERSIGN_TLS_CERT_FILE'] = `${folder}/tls.pem`;
    settings['COUNTERSIGN_TLS_KEY_FILE'] = `${folder}/tls.key`;
  }
  if (admission.natsJwt !== undefined && natsSeed !== undefined) {
    files['nats.creds'] = credentialsText(admission.natsJwt, natsSeed);
    settings['COUNTERSIGN_NATS_CREDENTIALS_FILE'] = `${folder}/nats.creds`;
    settings['COUNTERSIGN_NATS_CA_FILE'] = `${folder}/ca.pem`;
  }
  for (const [setting, value] of Object.entries(admission.secretSettings)) {
    const file = setting.replace('COUNTERSIGN_', '').toLowerCase().replaceAll('_', '-');
    files[file] = `${value}\n`;
    settings[`${setting}_FILE`] = `${folder}/${file}`;
  }
  files[`${service}.env`] = environmentFile(settings);
  return files;
}

/** Certificate and key in one file, as HAProxy wants them. */
export function bothOf(certificate: string, keyPem: string): string {
  return certificate + keyPem;
}

/** Whoever is ours reads settings; the others are configured in their own way. */
function hasSettings(service: ServiceName): boolean {
  return SERVES.has(service) || service === 'admin';
}

/** For systemd's EnvironmentFile and for shells: what is not plain stands in single quotes. */
function environmentFile(settings: Record<string, string>): string {
  return Object.entries(settings)
    .toSorted(([a], [b]) => a.localeCompare(b))
    .map(([name, value]) => {
      if (/[\n\r']/.test(value)) throw new Error(`${name} cannot stand in an environment file.`);
      return `${name}=${/^[\w.,:/@%+=-]*$/.test(value) ? value : `'${value}'`}\n`;
    })
    .join('');
}
