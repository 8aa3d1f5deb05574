import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createAuthority, issueCertificate } from './authority.ts';
import { startFreeRadius, type FreeRadius } from './freeradius.ts';
import { freePort } from './port.ts';

const SECRET = 'one-secret-for-all';
const [ALICE, PASSWORD] = ['alice', 'Right-1!'];
const folder = mkdtempSync(join(tmpdir(), 'freeradius-'));
let server: FreeRadius;

beforeAll(async () => {
  const authority = await createAuthority({ commonName: 'House', now: Date.now() });
  const usage = { commonName: 'radius.example.com', usage: 'server', now: Date.now() } as const;
  const certificate = await issueCertificate(authority, usage);
  writeFileSync(join(folder, 'authority.pem'), authority.certificatePem);
  server = await startFreeRadius({
    dir: join(folder, 'server'),
    port: await freePort(),
    secret: SECRET,
    users: [{ username: ALICE, password: PASSWORD, reply: { 'Filter-Id': '"staff"' } }],
    mschap: true,
    eap: { ...certificate, authorityPem: authority.certificatePem },
    requireMessageAuthenticator: true,
    logFile: join(folder, 'server.log'),
  });
});
afterAll(async () => {
  await server.kill();
  rmSync(folder, { recursive: true, force: true });
});

describe('FreeRADIUS as Debian’s own clients see it', () => {
  const radclient = (attributes: string) => {
    const words = ['-x', '-r', '1', '-t', '1', `127.0.0.1:${server.port}`, 'auth', SECRET];
    return spawnSync('/usr/bin/radclient', words, { input: attributes, encoding: 'utf8' }).stdout;
  };

  test('radclient: right, wrong, and unsigned', () => {
    const asAlice = (password: string) => `User-Name=${ALICE},User-Password="${password}",Message-Authenticator=0x00`;
    expect(radclient(asAlice(PASSWORD))).toMatch(/Access-Accept.*\n.*Filter-Id = "staff"\n.*Message-Authenticator/);
    expect(radclient(asAlice('wrong'))).toMatch(/Access-Reject/);
    expect(radclient(`User-Name=${ALICE},User-Password=${PASSWORD}`)).not.toMatch(/Received/);
  });

  test.each([
    ['MD5', 'eap=MD5', '-n'],
    ['TTLS', `eap=TTLS\nphase2="auth=PAP"\nca_cert="${join(folder, 'authority.pem')}"`],
    ['PEAP', `eap=PEAP\nphase2="auth=MSCHAPV2"\nca_cert="${join(folder, 'authority.pem')}"`],
  ])('eapol_test: EAP-%s', (method, lines, ...words) => {
    const file = join(folder, `${method}.conf`);
    writeFileSync(file, `network={\nkey_mgmt=IEEE8021X\nidentity="${ALICE}"\npassword="${PASSWORD}"\n${lines}\n}\n`);
    const all = ['-c', file, '-a', '127.0.0.1', '-p', String(server.port), '-s', SECRET, '-t', '5', ...words];
    const { stdout, status } = spawnSync('/usr/bin/eapol_test', all, { encoding: 'utf8' });
    expect(stdout.trimEnd().split('\n').at(-1), stdout.slice(-3000)).toBe('SUCCESS');
    expect(status).toBe(0);
  });
});
