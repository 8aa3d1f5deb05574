import { expect, test } from 'vitest';
import { mschapClient } from './mschap.ts';

test('RAD-63: the vectors of RFC 2759 section 9.2 and RFC 3079 section 3.5.3', () => {
  const { response, success, ...octets } = mschapClient({
    username: 'User',
    password: 'clientPass',
    challenge: Buffer.from('5B5D7C7D7B3F2F3E3C2C602132262628', 'hex'),
    peerChallenge: Buffer.from('21402324255E262A28295F2B3A337C7E', 'hex'),
  });
  expect(success).toBe('S=407A5589115FD0D6209F510FE9C04566932CDA56');
  expect(Object.entries(octets).map(([name, value]) => [name, value.toString('hex').toUpperCase()])).toEqual([
    ['challengeHash', 'D02E4386BCE91226'],
    ['ntResponse', '82309ECD8D708B5EA08FAA3981CD83544233114A3D85D6DF'],
    ['masterKey', 'FDECE3717A8C838CB388E527AE3CDD31'],
    ['sendKey', '8B7CDC149B993A1BA118CB153F56DCCB'],
    ['receiveKey', expect.stringMatching(/^[0-9A-F]{32}$/)],
    ['sendSessionKey', '405CB2247A7956E6E211007AE27B22D4'],
  ]);
  expect(response).toHaveLength(50);
});
