import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

export interface Supplicant {
  /** Folder for its configuration. */
  dir: string;
  /** `PEAP` with MS-CHAPv2 inside, or `TTLS` with PAP. */
  method: 'PEAP' | 'TTLS';
  username: string;
  password: string;
  /** PEM: who signs the certificate of the server at the end of the tunnel. */
  authority: string;
  port: number;
  secret: string;
  from: string;
  timeoutSeconds: number;
}

/**
 * eapol_test of wpa_supplicant: supplicant and access point in one. Outside the tunnel it says that it is "anonymous". It compares the keys of MPPE with those that it has computed itself.
 * It asks again after 3 s, then 6, then 12.
 */
export function eapolTest(options: Supplicant): Promise<{ code: number | null; output: string }> {
  const { dir, method, username, password, authority, port, secret, from, timeoutSeconds } = options;
  const [configuration, authorityFile] = [join(dir, 'eapol.conf'), join(dir, 'authority.pem')];
  writeFileSync(authorityFile, authority);
  writeFileSync(
    configuration,
    [
      'network={',
      'key_mgmt=WPA-EAP',
      `eap=${method}`,
      `identity="${username}"`,
      'anonymous_identity="anonymous"',
      `password="${password}"`,
      `phase2="auth=${method === 'PEAP' ? 'MSCHAPV2' : 'PAP'}"`,
      `ca_cert="${authorityFile}"`,
      '}',
      '',
    ].join('\n'),
    { mode: 0o600 },
  );
  return new Promise((resolve, reject) => {
    const server = ['-a', '127.0.0.1', '-p', String(port), '-s', secret, '-A', from];
    const child = spawn('eapol_test', ['-c', configuration, ...server, '-t', String(timeoutSeconds)], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let output = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => (output += text));
    }
    child.once('error', reject);
    child.once('close', (code) => resolve({ code, output }));
  });
}
