import * as radius from '@countersign/radius';
import { describe, expect, test } from 'vitest';
import { corpus } from './corpus.ts';
import { fuzz } from './fuzz.ts';
import type { Codec } from './properties.ts';
import { fuzzWatched } from './watch.ts';

const SEED = 20_261_127;

test('RAD-01: five seconds of changed packets break nothing', async () => {
  const { inputs, finding } = await fuzzWatched({ seed: SEED, milliseconds: 5000 });

  expect(finding).toBeUndefined();
  expect(inputs).toBeGreaterThan(500);
}, 60_000);

test('the same seed gives the same inputs', () => {
  const inputsOf = (seed: number) => {
    const inputs: string[] = [];
    fuzz(radius, {
      seed,
      milliseconds: 15_000,
      most: corpus().length + 20,
      onInput: (input) => inputs.push(input.toString('hex')),
    });
    expect(inputs).toHaveLength(corpus().length + 20);
    return inputs;
  };

  expect(inputsOf(1)).toEqual(inputsOf(1));
  expect(inputsOf(1)).not.toEqual(inputsOf(2));
});

describe('a codec is found out that', () => {
  /** As if nobody had checked that attributes end where the packet does. */
  const readBeyond: Codec['readPacket'] = (datagram, version) => {
    const read = radius.readPacket(datagram, version);
    if (!('malformed' in read) || read.malformed !== 'attribute-overrun') return read;
    return radius.readPacket(Buffer.concat([datagram.subarray(0, 2), Buffer.of(0, 20), datagram.subarray(4)]), version);
  };

  test.each<[string, Partial<Codec>, string]>([
    ['reads attributes beyond the packet', { readPacket: readBeyond }, 'octets are those received'],
    [
      'throws',
      {
        readPacket: (datagram, version) => {
          datagram.readUInt16BE(2);
          return radius.readPacket(datagram, version);
        },
      },
      'ERR_OUT_OF_RANGE|outside buffer bounds',
    ],
    [
      'takes every Message-Authenticator for a right one',
      {
        messageAuthenticatorOf: (...given) =>
          radius.messageAuthenticatorOf(...given) === 'absent' ? 'absent' : 'right',
      },
      'Message-Authenticator',
    ],
    [
      'takes replies without a proof',
      {
        checkReply: (...given) =>
          radius.checkReply(...given) === 'wrong-authenticator' ? 'right' : radius.checkReply(...given),
      },
      'a reply',
    ],
    ['takes every Accounting-Request', { isAccountingRequestOf: () => true }, 'Accounting-Request that was made'],
    [
      'puts other characters in place of what is no text',
      { readText: (value, legacy) => radius.readText(value, legacy) ?? value.toString('utf8') },
      'a text is what was sent',
    ],
    [
      'cuts texts inside a code point',
      {
        textAttributes: (type, text) =>
          Array.from({ length: Math.ceil(Buffer.byteLength(text) / 253) }, (_, place) => ({
            type,
            value: Buffer.from(text).subarray(place * 253, place * 253 + 253),
          })),
      },
      'cut between code points',
    ],
    [
      'strips more than NULs from a password',
      { revealPassword: (...given) => radius.revealPassword(...given)?.subarray(1) },
      'a password',
    ],
    ['gives a key that is too long', { revealKey: (value) => value.subarray(2) }, 'a key'],
    [
      'reads half of what a vendor sent',
      { vendorAttributesOf: (packet, vendor) => radius.vendorAttributesOf(packet, vendor).slice(0, 1) },
      "a vendor's attributes",
    ],
    ['encodes a reply with Message-Authenticator last', { encodeReply: messageAuthenticatorLast }, 'is first'],
  ])('%s', (_, wrong, what) => {
    const { finding } = fuzz({ ...radius, ...wrong }, { seed: SEED, milliseconds: 15_000 });

    expect(finding?.what).toMatch(new RegExp(what));
    expect(finding?.input).toMatch(/^([0-9a-f]{2})*$/);
  });

  test('takes its time', () => {
    const sluggish: Codec['nextPacketLength'] = (buffered) => {
      const endsAt = performance.now() + 110;
      while (performance.now() < endsAt);
      return radius.nextPacketLength(buffered);
    };
    const { finding } = fuzz({ ...radius, nextPacketLength: sluggish }, { seed: SEED, milliseconds: 5000 });

    expect(finding?.what).toContain('less than');
  });

  test('never comes to an end', async () => {
    const loop = `
      import { workerData } from 'node:worker_threads';
      new Uint8Array(workerData.shown).set([0xab, 0xcd], 8);
      new Int32Array(workerData.shown).set([7, 2]);
      for (;;);`;
    const thread = new URL(`data:text/javascript,${encodeURIComponent(loop)}`);

    expect(await fuzzWatched({ seed: SEED, milliseconds: 60_000 }, { thread, stuckMs: 1000 })).toEqual({
      inputs: 7,
      finding: { what: 'an input comes to an end', input: 'abcd' },
    });
  });
});

function messageAuthenticatorLast(...given: Parameters<Codec['encodeReply']>): Buffer {
  const octets = radius.encodeReply(...given);
  return Buffer.concat([octets.subarray(0, 20), octets.subarray(38), octets.subarray(20, 38)]);
}
