import type { networkInterfaces } from 'node:os';
import { createLogger } from '@countersign/telemetry';
import { expect, test } from 'vitest';
import { warnOfManyAddresses } from './many-addresses.ts';

const one = { netmask: '', mac: '', internal: false, cidr: null } as const;
const two: ReturnType<typeof networkInterfaces> = {
  lo: [{ ...one, family: 'IPv4', address: '127.0.0.1', internal: true }],
  eth0: [
    { ...one, family: 'IPv4', address: '192.0.2.1' },
    { ...one, family: 'IPv4', address: '192.0.2.2' },
    { ...one, family: 'IPv6', address: '2001:db8::1', scopeid: 0 },
    { ...one, family: 'IPv6', address: 'fe80::1', scopeid: 2 },
  ],
};

function warned(host: string, interfaces: typeof networkInterfaces): string[] {
  const lines: string[] = [];
  const destination = { write: (line: string) => void lines.push(line) };
  warnOfManyAddresses(host, createLogger({ service: 's', replica: 'r', destination }), interfaces);
  return lines;
}

test('of several addresses on a socket for all of them is warned, of one is not (RAD-04)', () => {
  expect(warned('0.0.0.0', () => two)).toEqual([expect.stringContaining('192.0.2.1, 192.0.2.2')]);
  expect(warned('::', () => two)).toEqual([]);
});

test('a system that does not tell its addresses is asked for a socket for all of them alone, and then nothing fails', () => {
  const forbidden = () => {
    throw new Error('uv_interface_addresses returned EAFNOSUPPORT');
  };
  expect(warned('192.0.2.1', forbidden)).toEqual([]);
  expect(warned('0.0.0.0', forbidden)).toEqual([expect.stringContaining('COUNTERSIGN_RADIUS_HOSTS')]);
});
