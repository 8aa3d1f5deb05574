import { describe, expect, test } from 'vitest';
import { contextOf } from './client-request.ts';

describe('where a login comes from (R10)', () => {
  test.each([
    ['203.0.113.7', { ip: '203.0.113.7' }],
    ['2001:db8::7', { ip: '2001:db8::7' }],
    ['00-00-5E-00-53-01', { device: '00-00-5E-00-53-01' }],
    // RD Gateway says how people sign in, and proxies say who they are themselves.
    ['UserAuthType:PW', {}],
    ['UserAuthType:CA', {}],
    ['0.0.0.0', {}],
    ['127.0.0.1', {}],
    ['::', {}],
    ['192.0.2.1', {}],
    ['gateway', {}],
    ['  ', {}],
  ])('Calling-Station-Id %s', (callingStation, place) => {
    const accessServer = { callingStation, identifier: 'gateway', address: '192.0.2.1' };
    expect(contextOf({ accessServer }, { name: 'VPN' })).toEqual({ ...place, location: 'VPN' });
  });
});
