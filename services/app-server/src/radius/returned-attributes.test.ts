import type { RadiusAttribute } from '@countersign/contracts';
import { attributeFrom, ATTRIBUTE, MICROSOFT } from '@countersign/radius';
import { describe, expect, test } from 'vitest';
import { contractAttributes, packetAttribute } from './attribute.ts';
import { conversationOf, returnedAttributes } from './returned-attributes.ts';

const named = (name: string, value: string) => contractAttributes(attributeFrom(name, value))[0]!;
const of = (type: number, value: string, vendor?: number): RadiusAttribute => ({
  ...(vendor !== undefined && { vendor }),
  type,
  value: Buffer.from(value).toString('base64'),
});
const NONE = { attributes: [], groups: [], upstreamAttributes: [] };
const KEY: RadiusAttribute = { ...of(MICROSOFT.mppeSendKey, 'k'.repeat(16), 311), hidden: 'mppe' };

describe('what an Access-Accept carries', () => {
  const settings = {
    attributes: [
      { name: 'Session-Timeout', value: '3600' },
      { name: 'Class', value: 'everybody' },
    ],
    groups: [
      { group: 'CN=Doctors', attributes: [{ name: 'Filter-Id', value: 'doctors' }] },
      {
        group: 'CN=Night',
        attributes: [
          { name: 'Session-Timeout', value: '600' },
          { name: 'Fortinet-Group-Name', value: 'night' },
        ],
      },
      { group: 'CN=All', attributes: [{ name: 'Session-Timeout', value: '60' }] },
    ],
    upstreamAttributes: ['class', 'Session-Timeout', 'Cisco-AVPair'],
  };

  test('groups in their order before what everybody is given, and both before the upstream', () => {
    const upstream = [named('Class', 'of NPS'), named('Session-Timeout', '1'), named('Cisco-AVPair', 'a=b')];
    expect(returnedAttributes({ settings, groups: ['CN=All', 'CN=Night'], upstream })).toEqual([
      named('Session-Timeout', '600'),
      named('Fortinet-Group-Name', 'night'),
      named('Class', 'everybody'),
      named('Class', 'of NPS'),
      named('Cisco-AVPair', 'a=b'),
    ]);
    expect(returnedAttributes({ settings, groups: [], upstream: [] })).toEqual([
      named('Session-Timeout', '3600'),
      named('Class', 'everybody'),
    ]);
  });

  test('of the upstream only what is listed, and never State, a password or a request of its own', () => {
    const upstream = [
      named('Filter-Id', 'unlisted'),
      of(ATTRIBUTE.userName, 'somebody else'),
      of(ATTRIBUTE.state, 's'),
      of(ATTRIBUTE.replyMessage, 'welcome'),
      of(ATTRIBUTE.tunnelPassword, 't'),
      { ...named('Cisco-AVPair', 'secret'), hidden: 'mppe' as const },
      of(99, 'unknown', 99_999),
      named('Class', 'a'),
      named('Class', 'a'),
    ];
    expect(
      returnedAttributes({
        settings: { ...NONE, upstreamAttributes: ['Class', 'Cisco-AVPair'] },
        groups: [],
        upstream,
      }),
    ).toEqual([named('Class', 'a')]);
  });

  test('RAD-61: keys and the success of MS-CHAPv2, and the last message of EAP, whatever is listed', () => {
    const eap = of(ATTRIBUTE.eapMessage, 'same piece');
    const upstream = [
      KEY,
      { ...KEY, type: MICROSOFT.mppeRecvKey },
      of(MICROSOFT.msChap2Success, 'S=', 311),
      of(MICROSOFT.mppePolicy, '1', 311),
      of(MICROSOFT.mppeTypes, '4', 311),
      eap,
      eap,
    ];
    const others = [of(MICROSOFT.msChapError, 'E=691', 311), of(MICROSOFT.mppeSendKey, 'of another vendor', 9)];
    expect(returnedAttributes({ settings: NONE, groups: [], upstream: [...upstream, ...others] })).toEqual(upstream);
  });
});

test('RAD-20: a challenge and a refusal hand on the conversation of EAP, and no rights', () => {
  const eap = of(ATTRIBUTE.eapMessage, 'request');
  const upstream = [
    eap,
    of(ATTRIBUTE.sessionTimeout, '0030'),
    named('Class', 'a'),
    KEY,
    of(ATTRIBUTE.replyMessage, 'x'),
  ];
  expect(conversationOf(upstream, 'challenge')).toEqual(upstream.slice(0, 2));
  expect(conversationOf(upstream, 'reject')).toEqual([eap]);
});

test('an attribute is the same on the way to the bus and back', () => {
  for (const attribute of [attributeFrom('Cisco-AVPair', 'a=b'), attributeFrom('Class', '0x00ff')])
    expect(contractAttributes(attribute).map(packetAttribute)).toEqual([attribute]);
  // Nothing that can be read: it stays as it is.
  for (const value of ['', '000000', '0000000009', '000000000102', '01000000010301', '00000009000301'].map((hex) =>
    Buffer.from(hex, 'hex'),
  ))
    expect(contractAttributes({ type: 26, value })).toEqual([{ type: 26, value: value.toString('base64') }]);
});
