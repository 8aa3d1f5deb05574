import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';

const units = readdirSync(import.meta.dirname).filter((name) => name.endsWith('.service'));
const analyze = ['/usr/bin/systemd-analyze', '/bin/systemd-analyze'].find((path) => existsSync(path));
/** Of systemd's own ten-point scale, where 10 is "may do everything". */
const MOST_EXPOSED = 2;

test('there is a unit for every service', () => {
  const services = readdirSync(join(import.meta.dirname, '../../services'));
  expect(units.toSorted()).toEqual(services.map((name) => `countersign-${name}.service`).toSorted());
});

test.each(units)('%s names its own program, settings and user', (unit) => {
  const service = unit.replace(/^countersign-|\.service$/g, '');
  const text = readFileSync(join(import.meta.dirname, unit), 'utf8');
  expect(text).toContain(`/usr/lib/countersign/${service}/dist/main.js`);
  expect(text).toContain(`EnvironmentFile=/etc/countersign/${service}.env`);
  expect(text).toContain(`User=countersign-${service}`);
});

test.each(units)('%s leaves its program the 10 s in which it stops, and not many more', (unit) => {
  const text = readFileSync(join(import.meta.dirname, unit), 'utf8');
  const seconds = Number(/^TimeoutStopSec=(\d+)s$/m.exec(text)?.[1]);
  expect(seconds).toBeGreaterThan(10);
  expect(seconds).toBeLessThanOrEqual(20);
});

describe.skipIf(analyze === undefined)('systemd (skipped where systemd-analyze is not installed)', () => {
  const run = (...args: string[]) => spawnSync(analyze ?? '', args, { encoding: 'utf8' });

  test.each(units)('%s has no setting that systemd does not know', (unit) => {
    const folder = mkdtempSync(join(tmpdir(), 'units-'));
    // Where it will be installed there is a program; here any will do.
    const text = readFileSync(join(import.meta.dirname, unit), 'utf8').replace(
      /^ExecStart=\S+/m,
      'ExecStart=/bin/true',
    );
    writeFileSync(join(folder, unit), text);
    const { status, stderr } = run('verify', '--man=no', '--recursive-errors=no', join(folder, unit));
    rmSync(folder, { recursive: true, force: true });
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  });

  test.each(units)('%s may do little of what it does not need', (unit) => {
    const { stdout, stderr } = run('security', '--offline=true', '--no-pager', join(import.meta.dirname, unit));
    const exposure = Number(/Overall exposure level for \S+: ([\d.]+)/.exec(stdout)?.[1] ?? Number.NaN);
    expect(exposure, stdout + stderr).toBeLessThanOrEqual(MOST_EXPOSED);
  });
});
