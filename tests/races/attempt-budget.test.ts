import { DEFAULT_POLICY } from '@countersign/contracts';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Answer } from '../client.ts';
import { ledgerOf } from '../ledger-reader.ts';
import { startStack, type Stack } from '../stack.ts';

/**
 * R2, R3: somebody who guesses gets the budget of the user and the factor, however many challenges, replicas, spellings of the
 * name and addresses he spreads over. A code was evaluated when the answer is CODE_REJECTED; TRY_LATER comes before any look.
 */
const GUESSES = 1000;
const CHALLENGES = 50;

let stack: Stack;

beforeAll(async () => {
  // The attempts of the policy are the defaults: those are what is being proved.
  stack = await startStack({ appServers: 3 });
});
afterAll(() => stack?.stop());

const gateway = (n: number): string => stack.gateways[n % stack.gateways.length]?.url ?? '';

function counted(answers: Answer[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { body, status } of answers) {
    const code = status === 200 ? 'APPROVED' : (body.code ?? `status ${status}`);
    counts[code] = (counts[code] ?? 0) + 1;
  }
  return counts;
}

const { free } = DEFAULT_POLICY.attempts;

test('R2, R3: 1,000 parallel wrong codes over 50 challenges and six spellings evaluate no more than the budget', async () => {
  const base = `eve-${stack.application.keyId.slice(0, 6)}`;
  const user = await stack.addUser({ username: base, aliases: [`${base}@example.com`, `EXAMPLE\\${base}`] });
  const spellings = [base, base.toUpperCase(), ` ${base} `, `${base}@EXAMPLE.com`, `example\\${base}`, fullWidth(base)];
  const starts: Answer[] = [];
  for (let n = 0; n < CHALLENGES; n++) {
    const context = { ip: `203.0.113.${n}`, device: `Browser ${n}` };
    starts.push(
      await stack.client.start(gateway(n), { username: spellings[n % spellings.length], method: 'sms', context }),
    );
  }
  expect(counted(starts), 'asking costs nothing (R9)').toEqual({ 'status 201': CHALLENGES });
  const sent = new Set((await stack.inbox.messages(user.phone)).map(({ text }) => /\d{6}/.exec(text)?.[0]));
  expect(sent.size).toBeGreaterThan(1);

  // Guesses that are certainly wrong: no challenge was sent one of them.
  const guesses: string[] = [];
  for (let n = 0; guesses.length < GUESSES; n++) {
    const guess = String(n * 997)
      .padStart(6, '0')
      .slice(-6);
    if (!sent.has(guess)) guesses.push(guess);
  }
  const answers = await Promise.all(
    guesses.map((guess, n) => stack.client.verify(gateway(n), starts[n % CHALLENGES]?.body.challengeId ?? '', guess)),
  );
  const counts = counted(answers);
  expect(counts['APPROVED']).toBeUndefined();
  expect(counts['CODE_REJECTED'] ?? 0, JSON.stringify(counts)).toBeGreaterThan(0);
  expect(counts['CODE_REJECTED'] ?? 0, JSON.stringify(counts)).toBeLessThanOrEqual(free);
  const known = new Set(['CODE_REJECTED', 'TRY_LATER', 'CHALLENGE_CLOSED', 'CHALLENGE_NOT_FOUND', 'UNAVAILABLE']);
  expect(
    Object.keys(counts).filter((code) => !known.has(code)),
    JSON.stringify(counts),
  ).toEqual([]);
  expect(counts['TRY_LATER'] ?? 0, 'most are told to wait').toBeGreaterThan(10);
  for (const { body, headers } of answers) {
    if (body.code === 'TRY_LATER') expect(Number(headers['retry-after'])).toBeGreaterThan(0);
  }

  const rejected = (await ledgerOf(stack.natsRootUrl, user.userId)).filter(
    ({ event }) => event.type === 'code.rejected',
  );
  expect(rejected.length, 'the ledger knows of no more').toBeLessThanOrEqual(free);
});

test('R3: opening more challenges does not give the budget back, under any spelling', async () => {
  const user = await stack.addUser();
  let rejected = 0;
  let waits = 0;
  for (let n = 0; n < 12; n++) {
    const username = n % 2 === 0 ? user.username : user.username.toUpperCase();
    const started = await stack.client.start(gateway(n), { username, method: 'sms' });
    if (started.body.code === 'TRY_LATER') {
      waits += 1;
      continue;
    }
    expect(started.status, started.text).toBe(201);
    const code = await stack.inbox.code(user.phone, n + 1);
    const wrong = String((Number(code) + 1) % 1_000_000).padStart(6, '0');
    const answer = await stack.client.verify(gateway(n + 1), started.body.challengeId ?? '', wrong);
    if (answer.body.code === 'CODE_REJECTED') rejected += 1;
    else waits += 1;
  }
  expect(rejected).toBe(free);
  expect(waits).toBe(12 - free);
});

test('R2: with the budget spent even the right code is not looked at, and R9: it is good again for another factor', async () => {
  const user = await stack.addUser({ totp: true });
  const started = await stack.client.start(gateway(0), { username: user.username, method: 'sms' });
  const challengeId = started.body.challengeId ?? '';
  const code = await stack.inbox.code(user.phone);
  const wrong = String((Number(code) + 1) % 1_000_000).padStart(6, '0');
  for (let n = 0; n < free; n++) {
    expect((await stack.client.verify(gateway(n), challengeId, wrong)).body.code).toBe('CODE_REJECTED');
  }
  const right = await stack.client.verify(gateway(1), challengeId, code);
  expect([right.status, right.body.code]).toEqual([429, 'TRY_LATER']);
  const other = await stack.client.start(gateway(0), { username: user.username, method: 'totp' });
  expect(other.status, 'the other factor has a budget of its own').toBe(201);
});

/** What an input method for East Asian text makes of Latin letters; NFKC makes it Latin again. */
function fullWidth(text: string): string {
  return text.replaceAll(/[!-~]/g, (character) => String.fromCharCode(character.charCodeAt(0) + 0xfee0));
}
