import { createHash, randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { RadiusUpstreamSettings } from '@countersign/contracts';
import { ATTRIBUTE, MICROSOFT } from '@countersign/radius';
import {
  freePort,
  mschapClient,
  startFreeRadius,
  type FreeRadius,
  type FreeRadiusOptions,
  type FreeRadiusUser,
} from '@countersign/testkit';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { returnedAttributes } from '../radius/returned-attributes.ts';
import type { UpstreamRequest } from './access-request.ts';
import type { UpstreamAnswer } from './answer.ts';
import { Upstream } from './upstream.ts';

const SECRET = 'one-secret-for-all';
const PASSWORD = 'Zoë’s %{User-Name} "ū"';
const USERS: readonly FreeRadiusUser[] = [
  {
    username: 'alice',
    password: PASSWORD,
    reply: { Class: '0x00ff10', 'Filter-Id': '"staff"', 'Session-Timeout': '600' },
  },
  { username: 'longest', password: 'x'.repeat(128) },
];
const folder = mkdtempSync(join(tmpdir(), 'upstream-'));
/** What an administrator may have left as it was in 2023: it signs nothing. */
let old: FreeRadius;
let current: FreeRadius;

async function start(name: string, options: Partial<FreeRadiusOptions>): Promise<FreeRadius> {
  const [dir, logFile] = [join(folder, name), join(folder, `${name}.log`)];
  return startFreeRadius({ dir, logFile, port: await freePort(), secret: SECRET, users: USERS, ...options });
}

beforeAll(async () => {
  [old, current] = await Promise.all([
    start('old', { signs: false }),
    start('current', { mschap: true, eap: true, requireMessageAuthenticator: true }),
  ]);
});
afterAll(async () => {
  await Promise.all([old.kill(), current.kill()]);
  rmSync(folder, { recursive: true, force: true });
});

function upstream(servers: readonly FreeRadius[], change: Partial<RadiusUpstreamSettings> = {}, secret = SECRET) {
  const settings = {
    servers: servers.map(({ port }) => ({ host: '127.0.0.1', port })),
    timeoutSeconds: 1,
    tries: 2,
    requireMessageAuthenticator: true,
    ...change,
  };
  return new Upstream({ name: 'House', settings, secret: Buffer.from(secret), now: Date.now, randomBytes });
}

const named = (username: string) => [{ type: ATTRIBUTE.userName, value: Buffer.from(username) }];
const ask = (one: Upstream, request: Partial<UpstreamRequest>, username = 'alice') =>
  one.ask({ attributes: named(username), ...request }, Date.now() + 8000);
/** Of one attribute the values, as octets. */
const valuesOf = ({ attributes }: Pick<UpstreamAnswer, 'attributes'>, type: number, vendor?: number) =>
  attributes
    .filter((attribute) => attribute.type === type && attribute.vendor === vendor)
    .map(({ value }) => Buffer.from(value, 'base64'));

describe('FreeRADIUS', () => {
  test('a password, right and wrong, and what comes with it', async () => {
    const house = upstream([current]);
    const accepted = await ask(house, { password: PASSWORD });
    expect(accepted.outcome).toBe('accept');
    expect(valuesOf(accepted, ATTRIBUTE.class)).toEqual([Buffer.from([0, 0xff, 0x10])]);
    expect(valuesOf(accepted, ATTRIBUTE.filterId)).toEqual([Buffer.from('staff')]);
    expect(await ask(house, { password: `${PASSWORD} ` })).toEqual({ outcome: 'reject', attributes: [] });
    expect(await ask(house, { password: PASSWORD }, 'nobody')).toMatchObject({ outcome: 'reject' });
    expect(await ask(house, { password: 'x'.repeat(128) }, 'longest')).toMatchObject({ outcome: 'accept' });
  });

  test('RAD-60, RAD-61, RAD-62: MS-CHAPv2, whose keys are those of the person’s own side', async () => {
    const [challenge, peerChallenge] = [randomBytes(16), randomBytes(16)];
    const login = { username: 'alice', password: PASSWORD, challenge, peerChallenge };
    const client = mschapClient(login);
    const accepted = await ask(upstream([current]), { mschap: { challenge, response: client.response } });
    expect(accepted.outcome).toBe('accept');
    expect(valuesOf(accepted, MICROSOFT.mppeSendKey, 311)).toEqual([client.sendKey]);
    expect(valuesOf(accepted, MICROSOFT.mppeRecvKey, 311)).toEqual([client.receiveKey]);
    // The first octet is the identifier of the response, RFC 2548 section 2.3.3.
    const [success] = valuesOf(accepted, MICROSOFT.msChap2Success, 311);
    expect(success?.subarray(1).toString()).toBe(client.success);

    const settings = { attributes: [], groups: [], upstreamAttributes: ['Filter-Id'] };
    const returned = returnedAttributes({ settings, groups: [], upstream: accepted.attributes });
    expect(returned.filter(({ hidden }) => hidden === 'mppe').map(({ value }) => value)).toEqual(
      expect.arrayContaining([client.sendKey.toString('base64'), client.receiveKey.toString('base64')]),
    );
    expect(valuesOf({ attributes: returned }, ATTRIBUTE.filterId)).toHaveLength(1);
    expect(valuesOf({ attributes: returned }, ATTRIBUTE.class)).toEqual([]);

    const { response } = mschapClient({ ...login, password: 'wrong' });
    expect(await ask(upstream([current]), { mschap: { challenge, response } })).toMatchObject({ outcome: 'reject' });
    const ofAnother = { challenge: randomBytes(16), response: client.response };
    expect(await ask(upstream([current]), { mschap: ofAnother })).toMatchObject({ outcome: 'reject' });
  });

  test('EAP goes through: a challenge with its State, and the answer to it', async () => {
    const house = upstream([current]);
    const identity = message({ code: 2, id: 1 }, 1, Buffer.from('alice'));
    const challenged = await ask(house, { eap: identity });
    expect(challenged.outcome).toBe('challenge');
    const eap = Buffer.concat(valuesOf(challenged, ATTRIBUTE.eapMessage));
    // RFC 3748 section 5.4: type 4, the length of the challenge, the challenge.
    const [id, type, length] = [eap[1] ?? 0, eap[4], eap[5] ?? 0];
    expect(type).toBe(4);
    const digest = (password: string) =>
      createHash('md5')
        .update(Buffer.of(id))
        .update(password)
        .update(eap.subarray(6, 6 + length))
        .digest();
    const answer = (password: string) => message({ code: 2, id }, 4, Buffer.concat([Buffer.of(16), digest(password)]));
    const accepted = await ask(house, { eap: answer(PASSWORD), state: challenged.state! });
    expect(accepted.outcome).toBe('accept');
    expect(valuesOf(accepted, ATTRIBUTE.eapMessage)).toEqual([Buffer.from([3, id, 0, 4])]);
  });

  test('R11: answers that are not signed are dropped where they must be, and taken where they need not be', async () => {
    const silent = ask(upstream([old], { tries: 1 }), { password: PASSWORD });
    await expect(silent).rejects.toMatchObject({
      code: 'RADIUS_UPSTREAM_UNAVAILABLE',
      cause: { message: expect.stringContaining('no Message-Authenticator') as string },
    });
    const lenient = upstream([old], { requireMessageAuthenticator: false });
    expect(await ask(lenient, { password: PASSWORD })).toMatchObject({ outcome: 'accept' });
  });

  test('the second server answers where the first hangs, and where it is gone', async () => {
    const first = await start('first', {});
    const house = upstream([first, current], { tries: 1 });
    first.pause();
    expect(await ask(house, { password: PASSWORD })).toMatchObject({ outcome: 'accept' });
    const since = performance.now();
    expect(await ask(house, { password: PASSWORD })).toMatchObject({ outcome: 'accept' });
    expect(performance.now() - since).toBeLessThan(900);
    await first.kill();
    expect(await ask(upstream([first, current]), { password: PASSWORD })).toMatchObject({ outcome: 'accept' });
    await expect(ask(upstream([first]), { password: PASSWORD })).rejects.toMatchObject({
      code: 'RADIUS_UPSTREAM_UNAVAILABLE',
    });
  });

  test('the doctor hears of each server how it answers', async () => {
    const checked = async (one: Upstream) =>
      (await one.checkServers(500)).map(({ ok, problem }) => (ok ? 'ok' : problem));
    expect(await checked(upstream([current, old]))).toEqual([
      'ok',
      expect.stringContaining('no Message-Authenticator'),
    ]);
    const [problem] = await checked(upstream([old], { requireMessageAuthenticator: false }, 'another-secret!!'));
    expect(problem).toMatch(/did not answer in time/);
  });
});

/** One message of EAP, RFC 3748 section 4. */
function message({ code, id }: { code: number; id: number }, type: number, data: Buffer): Buffer {
  const octets = Buffer.concat([Buffer.from([code, id, 0, 0, type]), data]);
  octets.writeUInt16BE(octets.length, 2);
  return octets;
}
