import { randomBytes, randomUUID } from 'node:crypto';
import { request } from 'node:https';
import { setTimeout as sleep } from 'node:timers/promises';
import { userCreate, userFind, userUpdate } from '@countersign/contracts';
import { connect } from '@nats-io/transport-node';
import { decodeJwt } from 'jose';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { nextTotpCode, startStack, type Stack, type TestUser } from '../stack.ts';

let stack: Stack;
let one: string;
let two: string;

beforeAll(async () => {
  stack = await startStack({
    policy: { attempts: { free: 20, anywhere: { burst: 100, refillSeconds: 60 } } },
    sdkGatewayEnvironment: { COUNTERSIGN_MAX_WAITING: '8', COUNTERSIGN_MAX_CONNECTIONS: '400' },
  });
  [one, two] = stack.gateways.map(({ url }) => url) as [string, string];
});
afterAll(() => stack?.stop());

const gateway = (n: number): string => (n % 2 === 0 ? one : two);

test('R25: 2,000 interleaved requests of two people never tell one of the other', async () => {
  const people = await Promise.all([stack.addUser(), stack.addUser()]);
  const strangers = people.map(({ username }, n) => ({
    username,
    phone: people[1 - n]?.phone ?? '',
    other: people[1 - n]!,
  }));
  const rounds = 100;
  let looked = 0;
  await Promise.all(
    strangers.flatMap(({ username, phone, other }, who) =>
      Array.from({ length: 5 }, async (_, lane) => {
        for (let n = 0; n < rounds / 5; n++) {
          const device = `device-${who}-${lane}-${n}`;
          const started = await stack.client.start(gateway(n), { username, method: 'sms', context: { device } });
          expect(started.status, started.text).toBe(201);
          const id = started.body.challengeId ?? '';
          const answers = [
            started,
            ...(await Promise.all([
              stack.client.get(gateway(n + 1), id),
              ...Array.from({ length: 8 }, (_unused, m) => stack.client.get(gateway(m), id)),
            ])),
          ];
          for (const { text, body, headers } of answers) {
            looked += 1;
            expect(body.challengeId ?? id).toBe(id);
            expect(text).not.toContain(other.username);
            expect(text).not.toContain(other.userId);
            expect(text).not.toContain(`••• ${phone.slice(-2)}.`);
            expect(headers['request-id']).toBeDefined();
          }
        }
      }),
    ),
  );
  expect(looked).toBe(2000);
}, 60_000);

test('R14, R25: the code of one never answers for the other, and each result names its owner', async () => {
  const people = await Promise.all(Array.from({ length: 8 }, () => stack.addUser()));
  const logins = await Promise.all(
    people.map(async (user, n) => {
      const { body } = await stack.client.start(gateway(n), { username: user.username, method: 'sms' });
      return { user, id: body.challengeId ?? '', code: await stack.inbox.code(user.phone) };
    }),
  );
  await Promise.all(
    logins.map(async ({ id, code }, n) => {
      const other = logins[(n + 1) % logins.length]?.code ?? '';
      if (other === code) return;
      expect((await stack.client.verify(gateway(n), id, other)).body.code).toBe('CODE_REJECTED');
    }),
  );
  const results = await Promise.all(logins.map(({ id, code }, n) => stack.client.verify(gateway(n + 1), id, code)));
  for (const [n, { body, text }] of results.entries()) {
    const claims = decodeJwt(body.result ?? text);
    expect([claims.sub, claims['challenge']]).toEqual([logins[n]?.user.userId, logins[n]?.id]);
  }
});

test('R28: nothing is built from Host or X-Forwarded-Host', async () => {
  const user = await stack.addUser();
  const answers = [
    await sendWithHost(one, 'GET', '/v1/openapi.json'),
    await sendWithHost(one, 'GET', '/.well-known/jwks.json'),
    await sendWithHost(one, 'POST', '/v1/challenges', { username: user.username, method: 'sms' }),
    await sendWithHost(one, 'GET', '/v1/nothing'),
  ];
  expect(answers.map(({ status }) => status)).toEqual([200, 200, 201, 404]);
  for (const answer of answers) {
    expect(answer.text).not.toContain(EVIL);
    expect(answer.headers).not.toContain(EVIL);
  }
  expect(answers[0]?.text).toContain('https://mfa.example.test');
  const { challengeId: id } = JSON.parse(answers[2]?.text ?? '') as { challengeId: string };
  const code = await stack.inbox.code(user.phone);
  const verified = await sendWithHost(two, 'POST', `/v1/challenges/${id}/verify`, { code });
  const { result } = JSON.parse(verified.text) as { result: string };
  expect(decodeJwt(result).iss).toBe('https://mfa.example.test');
  expect((await stack.inbox.messages(user.phone)).every(({ text }) => !text.includes(EVIL))).toBe(true);
});

const EVIL = 'evil.example.net';

/** With node:https, because undici checks the certificate against the header. */
function sendWithHost(
  url: string,
  method: string,
  path: string,
  body?: unknown,
): Promise<{ status: number; headers: string; text: string }> {
  return new Promise((resolve, reject) => {
    const sent = request(
      `${url}${path}`,
      {
        method,
        ca: stack.authority.certificatePem,
        servername: 'localhost',
        headers: {
          host: EVIL,
          'x-forwarded-host': EVIL,
          'x-forwarded-proto': 'http',
          forwarded: `host=${EVIL}`,
          authorization: `Bearer ${stack.application.apiKey}`,
          ...(body !== undefined && { 'content-type': 'application/json' }),
        },
      },
      (answer) => {
        let text = '';
        answer.setEncoding('utf8').on('data', (part: string) => (text += part));
        answer.once('end', () =>
          resolve({ status: answer.statusCode ?? 0, headers: answer.rawHeaders.join('\n'), text }),
        );
      },
    );
    sent.once('error', reject);
    sent.end(body === undefined ? undefined : JSON.stringify(body));
  });
}

test('R29: one caller that waits for everything leaves room for others', async () => {
  const greedy = await stack.addApplication(['challenge']);
  const client = stack.clientAs({ apiKey: greedy.apiKey });
  const { username } = await stack.addUser();
  const { body } = await client.start(one, { username });
  const id = body.challengeId ?? '';
  const waits = Array.from({ length: 6 }, () => client.get(one, id, 6));
  await sleep(500);
  const mine = await stack.client.start(one, { username });
  const waited = await stack.client.get(one, mine.body.challengeId ?? '', 1);
  expect(waited.status, 'another caller may wait').toBe(200);
  const answers = await Promise.all(waits);
  const refused = answers.filter(({ status }) => status === 429);
  expect(refused.length, 'a quarter of eight places is two').toBe(4);
  for (const { body: problem, headers } of refused) {
    expect(problem.code).toBe('TRY_LATER');
    expect(Number(headers['retry-after'])).toBeGreaterThan(0);
  }
});

/**
 * R19, model-based: whatever calls come in whatever order, a challenge moves only along its diagram, and an approval needs the code.
 * The model is the diagram of docs/architecture.md; the calls are drawn from a seed, which is in the message of a failure.
 */
test.each([1, 2, 3, 4, 5, 6])(
  'R19: skipped, replayed, reordered and emptied steps never advance a login (seed %i)',
  async (seed) => {
    const random = seeded(seed);
    const user = await stack.addUser();
    const fresh = async () => {
      const { body, status, text } = await stack.client.start(gateway(seed), {
        username: user.username,
        method: 'sms',
      });
      expect(status, text).toBe(201);
      sends += 1;
      return { id: body.challengeId ?? '', state: 'pending', code: await stack.inbox.code(user.phone, sends) };
    };
    let sends = 0;
    const challenges = [await fresh(), await fresh(), await fresh()];
    const steps: string[] = [];
    for (let n = 0; n < 25; n++) {
      const target = challenges[Math.floor(random() * challenges.length)]!;
      const other = challenges[Math.floor(random() * challenges.length)]!;
      const at = gateway(Math.floor(random() * 2));
      const action = ACTIONS[Math.floor(random() * ACTIONS.length)]!;
      steps.push(`${action} ${challenges.indexOf(target)}`);
      const message = `seed ${seed}: ${steps.join(', ')}`;
      if (action === 'right') {
        const answer = await stack.client.verify(at, target.id, target.code);
        expect(answer.status, `${message}: ${answer.text}`).toBe(target.state === 'pending' ? 200 : 409);
        if (target.state === 'pending') target.state = 'approved';
      } else if (action === 'cancel') {
        const answer = await stack.client.cancel(at, target.id);
        expect(answer.status, `${message}: ${answer.text}`).toBe(target.state === 'pending' ? 200 : 409);
        if (target.state === 'pending') target.state = 'cancelled';
      } else if (action === "another's") {
        if (other.code === target.code) continue;
        const answer = await stack.client.verify(at, target.id, other.code);
        expect(answer.status, `${message}: ${answer.text}`).toBe(target.state === 'pending' ? 422 : 409);
      } else if (action === 'resend') {
        const answer = await stack.client.resend(at, target.id);
        if (answer.status === 200) {
          expect(target.state, message).toBe('pending');
          sends += 1;
          target.code = await stack.inbox.code(user.phone, sends);
        } else expect([409, 429], `${message}: ${answer.text}`).toContain(answer.status);
      } else {
        const answer = await stack.client.request(at, 'POST', `/v1/challenges/${target.id}/verify`, EMPTY[action]);
        expect(answer.status, `${message}: ${answer.text}`).toBe(400);
      }
      const seen = await stack.client.get(gateway(n), target.id);
      expect(seen.body.state, message).toBe(target.state);
    }
  },
);

const EMPTY = {
  'empty body': {},
  'empty object': { body: {} },
  'empty code': { body: { code: '' } },
  'code null': { body: { code: null } },
  'state in the body': { body: { code: '123456', state: 'approved' } },
} as const;
const ACTIONS = ['right', 'cancel', "another's", 'resend', ...(Object.keys(EMPTY) as (keyof typeof EMPTY)[])] as const;

/** Mulberry32. */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/**
 * R21. Four kinds of name, in turn, so that whatever else the machine does falls on all of them alike. The bound: medians within
 * 35 %, or 2 ms where that is more. What differs by design lies under a millisecond; a lookup or an append that is skipped, or a
 * message that is waited for, does not. Measured again when it fails, up to three times: chance passes, a difference stays.
 */
const R21_SHARE = 0.35;
const R21_MS = 2;
const R21_ROUNDS = 40;

test(
  'R21: known, unknown, disabled and unenrolled names take the same time, to start and to refuse',
  { timeout: 90_000, retry: 2 },
  async () => {
    const enrolled = await Promise.all(Array.from({ length: R21_ROUNDS }, () => stack.addUser()));
    const disabled = await Promise.all(Array.from({ length: R21_ROUNDS / 2 }, () => stack.addUser()));
    for (const { userId } of disabled) await stack.admin(userUpdate, { userId, status: 'disabled' });
    const bare: Pick<TestUser, 'username'>[] = [];
    for (let n = 0; n < R21_ROUNDS / 2; n++)
      bare.push(await stack.admin(userCreate, { username: `bare-${randomUUID()}` }));
    const names: Record<string, (n: number) => string> = {
      known: (n) => enrolled[n]?.username ?? '',
      unknown: () => `nobody-${randomBytes(8).toString('hex')}`,
      disabled: (n) => disabled[n % disabled.length]?.username ?? '',
      'without authenticator': (n) => bare[n % bare.length]?.username ?? '',
    };
    const times = Object.entries(names).map(([kind, nameOf]) => ({
      kind,
      nameOf,
      start: [] as number[],
      verify: [] as number[],
    }));
    for (let n = 0; n < R21_ROUNDS; n++) {
      for (const { kind, nameOf, start, verify } of times) {
        const started = await stack.client.start(gateway(n), { username: nameOf(n), method: 'sms' });
        expect(started.status, `${kind}: ${started.text}`).toBe(201);
        // One in a million is right.
        const refused = await stack.client.verify(gateway(n), started.body.challengeId ?? '', '000000');
        expect(refused.status, `${kind}: ${refused.text}`).toBe(422);
        // The first rounds warm up caches and compilers.
        if (n < 8) continue;
        start.push(started.ms);
        verify.push(refused.ms);
      }
    }
    for (const step of ['start', 'verify'] as const) {
      const medians = Object.fromEntries(times.map((each) => [each.kind, median(each[step])]));
      const known = medians['known'] ?? Number.NaN;
      for (const [kind, value] of Object.entries(medians)) {
        const boundMs = Math.max(R21_MS, known * R21_SHARE);
        expect(Math.abs(value - known), `${step} of ${kind}: ${JSON.stringify(medians)}`).toBeLessThan(boundMs);
      }
    }
  },
);

function median(values: number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}

test('R3: every spelling of a name leads to the same person', async () => {
  const base = `Zoë-${randomBytes(3).toString('hex')}`;
  const user = await stack.addUser({
    username: base,
    aliases: [`EXAMPLE\\${base}`, `${base}@example.com`],
    totp: true,
  });
  const spellings = [
    base.toUpperCase(),
    base.normalize('NFD'),
    `  ${base} `,
    `example\\${base.toLowerCase()}`,
    `${base}@EXAMPLE.COM`,
  ];
  for (const username of spellings) {
    const { users } = await stack.admin(userFind, { username });
    expect(
      users.map(({ userId }) => userId),
      username,
    ).toEqual([user.userId]);
  }
  const { body } = await stack.client.start(one, { username: spellings[1] });
  expect((await stack.client.verify(two, body.challengeId ?? '', nextTotpCode(user))).status).toBe(200);
});

test('a gateway that was taken over hears none of the answers to the other, and asks for nothing an administrator may', async () => {
  const [taken, other] = stack.natsGateways;
  const connection = await connect({ servers: taken!.url, user: taken!.user, pass: taken!.password });
  try {
    const refusals: string[] = [];
    const heard: string[] = [];
    for (const subject of [
      '_INBOX.>',
      '_INBOX.*.*.*',
      `_INBOX.${other!.user}.>`,
      '_INBOX.sdk-gateway.>',
      'mfa.v1.>',
      'wake.*',
    ]) {
      connection.subscribe(subject, {
        callback: (error, message) => void (error === null ? heard.push(message.subject) : refusals.push(subject)),
      });
    }
    await connection.flush();
    const user = await stack.addUser({ phone: true });
    const { body } = await stack.client.start(two, { username: user.username, method: 'sms' });
    const approved = await stack.client.verify(two, body.challengeId ?? '', await stack.inbox.code(user.phone));
    expect(approved.body.result).toBeDefined();
    expect(heard).toEqual([]);
    expect(refusals).toHaveLength(6);
  } finally {
    await connection.close();
  }
});
