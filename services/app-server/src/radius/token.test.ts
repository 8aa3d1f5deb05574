import { challengeIdFor } from '@countersign/contracts';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { loadKeyRing } from '../keys/ring.ts';
import { readState, readTicket, TOKEN_KINDS, writeState, writeTicket, type Ticket } from './token.ts';

const ring = loadKeyRing(`k1:${Buffer.alloc(32, 7).toString('base64')}`);
const sixteen = fc.uint8Array({ minLength: 16, maxLength: 16 });
const tickets: fc.Arbitrary<Ticket> = fc.record({
  kind: fc.constantFrom(...TOKEN_KINDS),
  challengeId: fc.tuple(fc.uuid({ version: 4 }), sixteen).map(([userId, key]) => challengeIdFor(userId, key)),
  login: sixteen.map((bytes) => Buffer.from(bytes).toString('base64url')),
  turn: fc.nat(255),
  asked: fc.integer({ min: 1, max: 255 }),
  request: sixteen.map((bytes) => Buffer.from(bytes).toString('base64url')),
  since: fc.nat(2 ** 47),
  until: fc.nat(2 ** 47),
});

describe('what a client brings back', () => {
  test('RAD-21: says what was written, in at most 253 octets, and the same each time', () => {
    fc.assert(
      fc.property(tickets, ({ request, since, until, ...token }) => {
        const state = writeState(ring, 'vpn', token);
        expect(state.length).toBeLessThanOrEqual(253);
        expect(writeState(ring, 'vpn', token)).toEqual(state);
        expect(readState(ring, 'vpn', state)).toEqual(token);
        const ticket = { ...token, request, since, until };
        expect(readTicket(ring, 'vpn', writeTicket(ring, 'vpn', ticket))).toEqual(ticket);
      }),
    );
  });

  test('R14: is nothing at another application, nor as something else, nor with any bit of it changed', () => {
    fc.assert(
      fc.property(tickets, fc.nat(), ({ request, since, until, ...token }, at) => {
        const state = writeState(ring, 'vpn', token);
        const ticket = writeTicket(ring, 'vpn', { ...token, request, since, until });
        expect(readState(ring, 'payroll', state)).toBeUndefined();
        expect(readTicket(ring, 'payroll', ticket)).toBeUndefined();
        expect(readTicket(ring, 'vpn', state.toString('base64url'))).toBeUndefined();
        expect(readState(ring, 'vpn', Buffer.from(ticket, 'base64url'))).toBeUndefined();
        const bit = at % (state.length * 8);
        state[bit >> 3] = (state[bit >> 3] ?? 0) ^ (1 << (bit & 7));
        expect(readState(ring, 'vpn', state)).toBeUndefined();
      }),
    );
  });

  test('RAD-21: of any length and content, it is read or it is none', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 253 }), (octets) => {
        expect(readState(ring, 'vpn', Buffer.from(octets))).toBeUndefined();
        expect(readTicket(ring, 'vpn', Buffer.from(octets).toString())).toBeUndefined();
      }),
    );
  });
});
