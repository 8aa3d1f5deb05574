import { readFileSync } from 'node:fs';
import {
  ATTRIBUTE,
  CODE,
  encodeAccessRequest,
  encodeReply,
  hideKey,
  hidePassword,
  MICROSOFT,
  textAttributes,
  VENDOR,
  vendorAttribute,
} from '@countersign/radius';

/** A packet that is right, and what proves it. */
export interface Seed {
  octets: Buffer;
  secret: Buffer;
  /** Of the request that it answers; of a request its own. */
  requestAuthenticator: Buffer;
}

interface Vectors {
  exchanges: { secret: string; request: string; reply: string }[];
  signedRequests: { secret: string; octets: string }[];
}

/** The packets of the RFCs and of FreeRADIUS, and some of ours with what those lack. */
export function corpus(): Seed[] {
  const path = new URL('../vectors/radius.json', import.meta.url);
  const { exchanges, signedRequests } = JSON.parse(readFileSync(path, 'utf8')) as Vectors;
  return [
    ...exchanges.flatMap(({ secret, request, reply }) => {
      const asked = seedOf(request, secret);
      return [asked, { ...seedOf(reply, secret), requestAuthenticator: asked.requestAuthenticator }];
    }),
    ...signedRequests.map(({ secret, octets }) => seedOf(octets, secret)),
    ...ours(),
  ];
}

function seedOf(hex: string, secret: string): Seed {
  const octets = Buffer.from(hex, 'hex');
  return { octets, secret: Buffer.from(secret), requestAuthenticator: octets.subarray(4, 20) };
}

function ours(): Seed[] {
  const secret = Buffer.from('a secret of forty octets, more or less..');
  const requestAuthenticator = Buffer.from('5b5d7c7d7b3f2f3e3c2c602132262628', 'hex');
  const microsoft = (type: number, value: Buffer) => vendorAttribute({ vendor: VENDOR.microsoft, type, value });
  const key = (type: number, low: number) =>
    microsoft(type, hideKey(Buffer.alloc(16, low), Buffer.of(0x80, low), secret, requestAuthenticator));
  const long = Buffer.from('a password of one hundred and twenty-eight octets'.padEnd(128, 'ë')).subarray(0, 128);
  const requests = [
    [
      { type: ATTRIBUTE.userName, value: Buffer.from('User') },
      microsoft(MICROSOFT.msChapChallenge, requestAuthenticator),
      microsoft(MICROSOFT.msChap2Response, Buffer.alloc(50, 7)),
      { type: ATTRIBUTE.nasIdentifier, value: Buffer.from('vpn') },
    ],
    [
      { type: ATTRIBUTE.userName, value: Buffer.from('Zoë') },
      { type: ATTRIBUTE.userPassword, value: hidePassword(long, secret, requestAuthenticator) },
      { type: ATTRIBUTE.state, value: Buffer.alloc(32, 9) },
      { type: ATTRIBUTE.proxyState, value: Buffer.alloc(0) },
      { type: ATTRIBUTE.proxyState, value: Buffer.alloc(253, 1) },
    ],
    // Two attributes in one Vendor-Specific.
    [
      {
        type: ATTRIBUTE.vendorSpecific,
        value: Buffer.from('00000137' + '0706' + '00000001' + '0806' + '00000006', 'hex'),
      },
    ],
    Array.from({ length: 15 }, (_, place) => ({ type: ATTRIBUTE.eapMessage, value: Buffer.alloc(253, place) })),
    Array.from({ length: 199 }, () => ({ type: ATTRIBUTE.proxyState, value: Buffer.of(1) })),
  ];
  const replies = [
    { code: CODE.accessChallenge, attributes: textAttributes(ATTRIBUTE.replyMessage, 'Zoë, 日本 😀 '.repeat(40)) },
    { code: CODE.accessAccept, attributes: [key(MICROSOFT.mppeSendKey, 1), key(MICROSOFT.mppeRecvKey, 2)] },
  ];
  const octets = [
    ...requests.map((attributes) =>
      encodeAccessRequest({ id: 3, authenticator: requestAuthenticator, attributes }, secret),
    ),
    ...replies.map((reply) =>
      encodeReply(reply, { id: 3, authenticator: requestAuthenticator }, { secret, version: '1.0' }),
    ),
  ];
  return octets.map((one) => ({ octets: one, secret, requestAuthenticator }));
}
