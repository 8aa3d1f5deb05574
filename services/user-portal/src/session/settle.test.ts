import { randomBytes } from 'node:crypto';
import { NOBODY, type KeptSession, type SessionPlace } from '@countersign/contracts';
import type { FastifyReply } from 'fastify';
import { beforeEach, expect, test } from 'vitest';
import type { Ask } from '../calls/ask.ts';
import { placeOf } from './cookie.ts';
import { settle } from './settle.ts';
import type { SigningIn } from './state.ts';
import { SessionStore, type Session } from './store.ts';

const NOW = 1_800_000_000_000;
const state: SigningIn = { stage: 'signing-in', startedAt: NOW };
let kept: Map<string, KeptSession>;
let cookies: string[];
let store: SessionStore;
let session: Session<SigningIn>;

const at = ({ owner, hash }: SessionPlace) => `${owner}.${hash}`;
/** What app-server does with sessions, as far as it is looked at here. */
const ask = (async ({ name }: { name: string }, input: { place: SessionPlace; kept: string; expected: number }) => {
  const there = kept.get(at(input.place));
  if (name === 'session.load') return there === undefined ? {} : { session: there };
  if (name === 'session.drop') return kept.delete(at(input.place));
  if ((there?.sequence ?? 0) !== input.expected) return {};
  const sequence = input.expected + 1;
  kept.set(at(input.place), { hash: input.place.hash, kept: input.kept, sequence });
  return { sequence };
}) as unknown as Ask;
const reply = {
  setCookie: (_name: string, value: string) => cookies.push(value),
} as unknown as FastifyReply;

beforeEach(async () => {
  [kept, cookies] = [new Map(), []];
  store = new SessionStore(ask, () => NOW, randomBytes);
  const token = await store.create(NOBODY, state, { startedAt: NOW });
  session = (await store.load(token)) as Session<SigningIn>;
});

const rise = { becomes: 'rise', state: { ...state, invitation: 'x' }, owner: NOBODY, answer: 'welcome' } as const;
const settling = (outcome: Parameters<typeof settle>[2]['outcome']) =>
  settle({ store, now: () => NOW }, reply, { session, outcome, callId: 'call', browser: {} });

test('a session that rises is found under its new token, and the old one says so to the same call alone', async () => {
  await settling(rise);
  expect(cookies).toHaveLength(1);
  expect(kept.size).toBe(2);
  expect((await store.load(session.token))?.state).toMatchObject({ stage: 'moved', to: cookies[0], callId: 'call' });
});

test('APP-04: a session that was ended during the call gains nothing, and leaves nothing behind', async () => {
  await store.end(placeOf(session.token));
  await expect(settling(rise)).rejects.toMatchObject({ code: 'SIGN_IN_NEEDED' });
  expect(cookies).toEqual([]);
  expect(kept.size).toBe(0);
});

test('what somebody else changed during the call is not overwritten', async () => {
  await store.replace(session, { ...state, invitation: 'of another call' });
  await expect(settling({ becomes: 'keep', state, answer: 'x' })).rejects.toMatchObject({ code: 'UNAVAILABLE' });
  await expect(settling(rise)).rejects.toMatchObject({ code: 'SIGN_IN_NEEDED' });
  expect((await store.load(session.token))?.state).toMatchObject({ invitation: 'of another call' });
});
