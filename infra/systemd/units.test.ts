import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';

const here = import.meta.dirname;
const text = (name: string) => readFileSync(join(here, name), 'utf8');
const services: string[] = readdirSync(join(here, '../../services'));
const unitOf = (service: string) => `countersign-${service}.service`;
/** Of a service; names of users have at most 31 characters. */
const userOf = (service: string) =>
  service === 'mobile-app-web-service' ? 'countersign-mobile' : `countersign-${service}`;
const units = readdirSync(here).filter((name) => /\.(service|timer|path)$/.test(name));
/** What runs beside the services: a row says how exposed it may be at most, since it has to be root. */
const CHORES: Readonly<Record<string, number>> = {
  'countersign-renew@.service': 2.5,
  'countersign-balancer.service': 2.5,
  'countersign-balancer-reload.service': 2,
  'countersign-radius-balancer.service': 2.5,
  'countersign-radius-balancer-reload.service': 2,
  // Routes and rules are the machine's.
  'countersign-return-path@.service': 3,
};
const analyze = ['/usr/bin/systemd-analyze', '/bin/systemd-analyze'].find((path) => existsSync(path));
const sysusers = ['/usr/bin/systemd-sysusers', '/bin/systemd-sysusers'].find((path) => existsSync(path));
const tmpfiles = ['/usr/bin/systemd-tmpfiles', '/bin/systemd-tmpfiles'].find((path) => existsSync(path));
/** Of systemd's own ten-point scale, where 10 is "may do everything". */
const MOST_EXPOSED = 2;

test('there is a unit for every service', () => {
  const wanted: string[] = [...services.map((service) => unitOf(service)), ...Object.keys(CHORES)];
  expect(units.filter((name) => name.endsWith('.service')).toSorted()).toEqual(wanted.toSorted());
});

test.each(services)('the unit of %s names its own program, settings and user, and can be told to reload', (service) => {
  const unit = text(unitOf(service));
  expect(unit).toContain(`/usr/lib/countersign/${service}/dist/main.js`);
  expect(unit).toContain(`EnvironmentFile=/etc/countersign/${service}/${service}.env`);
  const user = userOf(service);
  expect(unit).toContain(`User=${user}\nGroup=${user}\n`);
  expect(unit).toContain('ExecReload=/bin/kill -HUP $MAINPID');
  // A user that is made anew at each start could not own what joining and renewing write.
  expect(unit).not.toMatch(/DynamicUser|LoadCredential/);
  expect(text('countersign.sysusers.conf')).toMatch(new RegExp(`^u ${user} `, 'm'));
  const folder = text('countersign.tmpfiles.conf').match(new RegExp(`^d /etc/countersign/${service} .*$`, 'm'))?.[0];
  expect(folder?.split(/ +/)).toEqual(['d', `/etc/countersign/${service}`, '0700', user, user]);
});

test.each(services)('the unit of %s leaves its program the 10 s in which it stops, and not many more', (service) => {
  const seconds = Number(/^TimeoutStopSec=(\d+)s$/m.exec(text(unitOf(service)))?.[1]);
  expect(seconds).toBeGreaterThan(10);
  expect(seconds).toBeLessThanOrEqual(20);
});

test('radius-server may ask which addresses the machine has (RAD-04)', () => {
  expect(text(unitOf('radius-server'))).toMatch(/^RestrictAddressFamilies=.*\bAF_NETLINK\b/m);
});

/** Where units will be installed their programs are there; here any will do. */
function prepared(folder: string, name: string): string {
  const path = join(folder, name.replace('@.', '@sdk-gateway.'));
  writeFileSync(path, text(name).replaceAll(/^(ExecStart(?:Post)?)=\S+/gm, '$1=/bin/true'));
  return path;
}

describe.skipIf(analyze === undefined)('systemd (skipped where systemd-analyze is not installed)', () => {
  const run = (...args: string[]) => spawnSync(analyze ?? '', args, { encoding: 'utf8' });

  test.each(units)('%s has no setting that systemd does not know', (unit) => {
    const folder = mkdtempSync(join(tmpdir(), 'units-'));
    for (const name of units) prepared(folder, name);
    const { status, stderr } = run('verify', '--man=no', '--recursive-errors=no', prepared(folder, unit));
    rmSync(folder, { recursive: true, force: true });
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  });

  test.each(units.filter((name) => name.endsWith('.service')))('%s may do little of what it does not need', (unit) => {
    const { stdout, stderr } = run('security', '--offline=true', '--no-pager', join(here, unit));
    const exposure = Number(/Overall exposure level for \S+: ([\d.]+)/.exec(stdout)?.[1] ?? Number.NaN);
    expect(exposure, stdout + stderr).toBeLessThanOrEqual(CHORES[unit] ?? MOST_EXPOSED);
  });

  const engines = readdirSync(join(here, 'drop-ins')).map((name) => name.replace(/\.d$/, ''));
  test.each(engines)("the drop-in of Debian's %s has no setting that systemd does not know", (unit) => {
    const own = `/lib/systemd/system/${unit}`;
    const folder = mkdtempSync(join(tmpdir(), 'units-'));
    // Without the package, whatever the drop-in begins with stands for its unit.
    if (existsSync(own)) cpSync(own, join(folder, unit));
    else writeFileSync(join(folder, unit), '[Service]\nExecStart=/bin/true\n');
    cpSync(join(here, 'drop-ins', `${unit}.d`), join(folder, `${unit}.d`), { recursive: true });
    const dropIn = join(folder, `${unit}.d`, 'countersign.conf');
    writeFileSync(
      dropIn,
      readFileSync(dropIn, 'utf8').replaceAll(/^(ExecStart(?:Pre)?)=([+-]*)\/\S+/gm, '$1=$2/bin/true'),
    );
    const { status, stderr } = spawnSync(
      analyze ?? '',
      ['verify', '--man=no', '--recursive-errors=no', join(folder, unit)],
      { encoding: 'utf8', env: { ...process.env, SYSTEMD_UNIT_PATH: `${folder}:` } },
    );
    rmSync(folder, { recursive: true, force: true });
    const ours = stderr.split('\n').filter((line) => line.includes('countersign.conf'));
    expect({ status, ours }, stderr).toEqual({ status: 0, ours: [] });
  });
});

const mayMakeUsers = sysusers !== undefined && tmpfiles !== undefined && process.getuid?.() === 0;
describe.skipIf(!mayMakeUsers)('users and folders (skipped without systemd, and for whoever is not root)', () => {
  test('are made as the units need them', () => {
    const root = mkdtempSync(join(tmpdir(), 'root-'));
    mkdirSync(join(root, 'etc'));
    const users = spawnSync(sysusers ?? '', [`--root=${root}`, join(here, 'countersign.sysusers.conf')]);
    expect(users.status, String(users.stderr)).toBe(0);
    const passwd = readFileSync(join(root, 'etc/passwd'), 'utf8');
    for (const service of services) expect(passwd).toContain(`${userOf(service)}:x:`);
    const folders = spawnSync(tmpfiles ?? '', [`--root=${root}`, '--create', join(here, 'countersign.tmpfiles.conf')]);
    expect(folders.status, String(folders.stderr)).toBe(0);
    expect(readdirSync(join(root, 'etc/countersign')).toSorted()).toEqual(services.toSorted());
    rmSync(root, { recursive: true, force: true });
  });
});
