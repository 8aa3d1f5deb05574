import {
  ATTRIBUTE,
  attributesOf,
  MICROSOFT,
  revealPassword,
  vendorAttribute,
  vendorAttributesOf,
} from '@countersign/radius';
import { expect, test } from 'vitest';
import { accessRequestAttributes, type UpstreamRequest } from './access-request.ts';

const SECRET = Buffer.from('0123456789abcdef');
const AUTHENTICATOR = Buffer.alloc(16, 7);
const USER = { type: ATTRIBUTE.userName, value: Buffer.from('alice') };
const built = (request: Partial<UpstreamRequest>) => ({
  attributes: accessRequestAttributes({ attributes: [USER], ...request }, SECRET, AUTHENTICATOR),
});
const microsoft = (type: number, value: Buffer) => vendorAttribute({ vendor: 311, type, value });

test('a password is hidden anew, with the secret of this server', () => {
  const [hidden, ...others] = attributesOf(built({ password: 'Zoë 😀' }), ATTRIBUTE.userPassword);
  expect(others).toEqual([]);
  expect(revealPassword(hidden!, SECRET, AUTHENTICATOR)?.toString()).toBe('Zoë 😀');
});

test('RAD-62: the challenge of MS-CHAPv2 and the response to it, octet by octet', () => {
  const mschap = { challenge: Buffer.from([...Array(16).keys()]), response: Buffer.from([...Array(50).keys()]) };
  expect(vendorAttributesOf(built({ mschap }), 311)).toEqual([
    { type: MICROSOFT.msChapChallenge, value: mschap.challenge },
    { type: MICROSOFT.msChap2Response, value: mschap.response },
  ]);
});

test('RAD-11: no Proxy-State, and nothing of the client’s own credentials and State, whoever sent them', () => {
  const value = Buffer.alloc(16, 1);
  const foreign = [
    ATTRIBUTE.userPassword,
    ATTRIBUTE.chapPassword,
    ATTRIBUTE.chapChallenge,
    ATTRIBUTE.state,
    ATTRIBUTE.proxyState,
    ATTRIBUTE.eapMessage,
    ATTRIBUTE.messageAuthenticator,
    ATTRIBUTE.nasIdentifier,
  ].map((type) => ({ type, value }));
  const ofMschap = [MICROSOFT.msChapChallenge, MICROSOFT.msChap2Response, MICROSOFT.msChapResponse];
  const kept = [
    { type: ATTRIBUTE.callingStationId, value: Buffer.from('198.51.100.7') },
    vendorAttribute({ vendor: 9, type: 1, value: Buffer.from('x') }),
  ];
  const attributes = [USER, ...foreign, ...ofMschap.map((type) => microsoft(type, value)), ...kept];
  expect(built({ attributes }).attributes).toEqual([
    USER,
    ...kept,
    { type: ATTRIBUTE.nasIdentifier, value: Buffer.from('countersign') },
  ]);
});

test('a message of EAP in pieces that are one again, and the State of the last challenge', () => {
  const eap = Buffer.from(Array.from({ length: 600 }, (_, index) => index % 251));
  const request = built({ eap, state: Buffer.from('their own') });
  const pieces = attributesOf(request, ATTRIBUTE.eapMessage);
  expect(pieces.map(({ length }) => length)).toEqual([253, 253, 94]);
  expect(Buffer.concat(pieces)).toEqual(eap);
  expect(attributesOf(request, ATTRIBUTE.state)).toEqual([Buffer.from('their own')]);
});
