import { createHash, randomBytes } from 'node:crypto';
import {
  DEFAULT_RADIUS_CLIENT,
  type Method,
  type RadiusAnswer,
  type RadiusClientSettings,
} from '@countersign/contracts';
import { base32Decode, totpCode, totpStep } from '@countersign/otp';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { create as createApplication } from '../application/create.ts';
import { confirm } from '../authenticator/confirm.ts';
import { enrol } from '../authenticator/enrol.ts';
import { natsWake } from '../challenge/wake.ts';
import { activatedPhone } from '../device/testing/owner.ts';
import { Directories } from '../directory/directories.ts';
import { DirectoryStatus } from '../directory/status.ts';
import { set } from '../policy/set.ts';
import { effectiveSettings } from '../radius-client/effective.ts';
import { requestOf, startHouse, type House } from '../testing/house.ts';
import { create as createUser } from '../user/create.ts';
import type { EffectiveClient } from './clients.ts';
import { ensureRadiusStream, jetStreamKept } from './kept.ts';
import { login } from './login.ts';

let house: House;
let desk: Awaited<ReturnType<typeof startDesk>>;
let applicationId: string;
const clients = new Map<string, EffectiveClient>();

async function startDesk() {
  const replica = await house.replica('a');
  const { router, ring, now } = replica;
  await ensureRadiusStream(replica.manager, 1);
  const ignore = () => undefined;
  const directories = new Directories(router, ring, now, ignore);
  return {
    ...replica,
    relyingParty: undefined,
    randomBytes: (size: number) => randomBytes(size),
    trail: { record: async () => undefined },
    budgets: { reserve: async () => ({ ok: true as const }) },
    dispatcher: { hand: async () => undefined },
    wake: natsWake(replica.nats),
    directories,
    directoryStatus: new DirectoryStatus({ directories, freshMs: () => 1000, now, onProblem: ignore }),
    kept: jetStreamKept(replica.jetstream, replica.manager, ring, (size) => randomBytes(size)),
    radiusClients: { get: (clientId: string) => clients.get(clientId) },
    radiusUpstreams: { get: () => undefined as never },
  };
}

beforeAll(async () => {
  house = await startHouse('radius-prompts');
  desk = await startDesk();
  ({ applicationId } = await createApplication(desk, { name: 'VPN', scopes: ['challenge'] }, requestOf()));
  const order: Method[] = ['app', 'totp'];
  // The budget of prompts as by default; what ends earlier, after three without an approval, is not what is looked at here.
  const document = { methods: { order }, app: { unanswered: 20 } };
  await set(desk, { scope: 'global', expectedVersion: 0, document }, requestOf());
  await Promise.all([desk.applications.refresh(), desk.policies.refresh()]);
});
afterAll(() => house.stop());

function clientWith(changes: Partial<RadiusClientSettings> = {}): string {
  const settings: RadiusClientSettings = {
    ...DEFAULT_RADIUS_CLIENT,
    firstFactor: { by: 'none' },
    attributes: [],
    groups: [],
    upstreamAttributes: [],
    networks: ['192.0.2.1'],
    applicationId,
    ...changes,
  };
  const client = { clientId: crypto.randomUUID(), name: 'gateway', version: 1, settings, secret: randomBytes(16) };
  clients.set(client.clientId, { ...client, ...effectiveSettings(settings, false) });
  return client.clientId;
}

const { application: administrator } = requestOf();
const byAdministrator = () => ({ ...requestOf(), application: administrator });
async function personWithApp({ totp }: { totp: boolean }) {
  const username = `person-${randomBytes(4).toString('hex')}`;
  const { userId } = await createUser(desk, { username }, requestOf());
  if (totp) {
    const { authenticatorId, secret = '' } = await enrol(desk, { userId, type: 'totp' }, byAdministrator());
    const shape = { algorithm: 'SHA1', digits: 6, periodSeconds: 30, secret: base32Decode(secret)! } as const;
    const code = totpCode(shape, totpStep(desk.now(), 30));
    await confirm(desk, { userId, authenticatorId, code }, byAdministrator());
  }
  await activatedPhone(desk, userId);
  return { userId, username };
}

/** Each from another place: none is the login before, begun anew (RAD-46). */
let places = 0;
function loginOf(clientId: string, username: string): Promise<RadiusAnswer> {
  places += 1;
  const accessServer = { callingStation: `203.0.113.${places % 256}` };
  const input = { clientId, username, password: '', source: '192.0.2.1', transport: 'udp', accessServer } as const;
  const attemptId = createHash('sha256').update(randomBytes(16)).digest('base64url');
  return login(desk, input, { ...requestOf({ scopes: ['radius'] }), attemptId, deadline: desk.now() + 10_000 });
}

/** What came of so many logins in a row, by what the client shows. */
async function logins(count: number, clientId: string, username: string): Promise<string[]> {
  const shown: string[] = [];
  for (let turn = 0; turn < count; turn += 1) shown.push(shownBy(await loginOf(clientId, username)));
  return shown;
}
function shownBy(answer: RadiusAnswer): string {
  if (answer.answer !== 'challenge') return answer.answer;
  const message = answer.attributes.flatMap(({ type, value }) => (type === 18 ? Buffer.from(value, 'base64') : []));
  return /your authenticator/.test(Buffer.concat(message).toString()) ? 'code' : 'number';
}

/** How often the phones of somebody were asked about a login. */
async function promptsOf(userId: string): Promise<number> {
  const { state } = await desk.manager.streams.info('AUTH');
  let prompts = 0;
  for (let seq = 1; seq <= state.last_seq; seq += 1) {
    const message = await desk.manager.streams.getMessage('AUTH', { seq });
    if (message?.subject !== `auth.${userId}`) continue;
    const { event } = JSON.parse(message.string()) as { event: { type: string; challenge?: Record<string, unknown> } };
    const { method, purpose } = event.challenge ?? {};
    if (event.type === 'challenge.started' && method === 'app' && purpose === 'login') prompts += 1;
  }
  return prompts;
}
const times = (count: number, what: string) => Array.from({ length: count }, () => what);

describe('RAD-47: of 20 logins in a row five ask the phone', () => {
  test('the others ask for a code, from whoever has one', async () => {
    const { userId, username } = await personWithApp({ totp: true });
    expect(await logins(20, clientWith(), username)).toEqual([...times(5, 'number'), ...times(15, 'code')]);
    expect(await promptsOf(userId)).toBe(5);
  });

  test('the others are refused by a client that can ask for nothing else, whichever gateway they come by', async () => {
    const { userId, username } = await personWithApp({ totp: true });
    const silent: Partial<RadiusClientSettings> = {
      profile: 'windows-rras',
      passwords: ['pap'],
      allowPlainApproval: true,
    };
    const [one, other] = [clientWith(silent), clientWith(silent)];
    expect(await logins(4, one, username)).toEqual(times(4, 'wait'));
    expect(await logins(16, other, username)).toEqual(['wait', ...times(15, 'reject')]);
    expect(await promptsOf(userId)).toBe(5);
  });

  test('the others are refused where there is no other way, until one more may be sent', async () => {
    const { userId, username } = await personWithApp({ totp: false });
    const clientId = clientWith();
    expect(await logins(20, clientId, username)).toEqual([...times(5, 'number'), ...times(15, 'reject')]);
    expect(await promptsOf(userId)).toBe(5);
    // Nobody is made after this, whose phone would go by another clock.
    desk.advance(121_000);
    expect(await logins(3, clientId, username)).toEqual(['number', 'reject', 'reject']);
  });
});
