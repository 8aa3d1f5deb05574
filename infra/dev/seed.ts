import { call, connectBus, credentialFromApiKey, type Bus, type BusOptions } from '@countersign/bus';
import {
  applicationCreate,
  authenticatorConfirm,
  authenticatorEnrol,
  authenticatorRemove,
  directoryCreate,
  directoryFind,
  DEFAULT_RADIUS_CLIENT,
  MfaError,
  policyGet,
  policySet,
  radiusClientCreate,
  radiusClientFind,
  userCreate,
  userFind,
  type DirectorySettings,
  type InputOf,
  type Operation,
  type OutputOf,
  type UserView,
} from '@countersign/contracts';
import { base32Decode, totpCode, totpStep } from '@countersign/otp';
import { PEOPLE } from './people.ts';
import type { SecretsFile } from './secrets.ts';

const APPLICATION = 'Demo portal';
const PORTAL = 'User portal';
const MOBILE = 'Mobile service';
const RADIUS = 'RADIUS server';
const VPN = 'VPN';
const DIRECTORY = 'Demo directory';
const TOTP = { algorithm: 'SHA1', digits: 6, periodSeconds: 30 } as const;

export interface SeedOptions {
  /** How the administrator's command line reaches NATS. */
  nats: Omit<BusOptions, 'name'>;
  secrets: SecretsFile;
  adminKey: string;
  /** What holds people's passwords; undefined where the machine has none. */
  directory?: DirectorySettings | undefined;
  now: () => number;
}

/**
 * The demo organisation, made through the same operations that administrators use. A second run changes nothing; one that was
 * killed is taken up where it stopped, because every attempt has a name that does not change.
 */
export async function seed({ nats, secrets, adminKey, directory, now }: SeedOptions): Promise<void> {
  const { content } = secrets;
  const bus = await connectBus({ ...nats, name: 'seed' });
  try {
    const ask = administrator(bus, adminKey, content.installation);
    await relaxPolicy(ask);
    if (content.application === undefined) {
      const scopes: InputOf<typeof applicationCreate>['scopes'] = [
        'challenge',
        'user.read',
        'user.write',
        'authenticator.write',
      ];
      const { applicationId, apiKey } = await ask('application', applicationCreate, { name: APPLICATION, scopes });
      content.application = { applicationId, name: APPLICATION, apiKey };
      secrets.save();
    }
    if (content.portal === undefined) {
      const scopes: InputOf<typeof applicationCreate>['scopes'] = ['portal', 'password', 'challenge'];
      const { applicationId, apiKey } = await ask('portal', applicationCreate, { name: PORTAL, scopes });
      content.portal = { applicationId, apiKey };
      secrets.save();
    }
    if (content.mobile === undefined) {
      const { applicationId, apiKey } = await ask('mobile', applicationCreate, { name: MOBILE, scopes: ['device'] });
      content.mobile = { applicationId, apiKey };
      secrets.save();
    }
    if (content.radius === undefined) {
      const { applicationId, apiKey } = await ask('radius', applicationCreate, { name: RADIUS, scopes: ['radius'] });
      content.radius = { applicationId, apiKey };
      secrets.save();
    }
    if (content.vpn === undefined) {
      // Its key is nobody's: the gateway asks by RADIUS. People see the name, and its policy counts.
      const { applicationId } = await ask('vpn', applicationCreate, { name: VPN, scopes: ['challenge'] });
      content.vpn = { applicationId, name: VPN };
      secrets.save();
    }
    if (directory !== undefined) await connectDirectory(ask, directory, content.directoryPassword);
    await admitVpn(ask, content.vpn, { secret: content.vpnSecret, hasDirectory: directory !== undefined });
    for (const { phone, ...names } of PEOPLE) {
      if (phone === undefined || content.users.some(({ username }) => username === names.username)) continue;
      const user = await findOrCreate(ask, { ...names, aliases: [`${names.username}@example.com`] });
      await enrolPhone(ask, user, phone);
      const totpSecret = await enrolTotp(ask, user, now);
      const password = content.passwords[user.username] ?? '';
      content.users.push({ username: user.username, password, phone, totpSecret, userId: user.userId });
      secrets.save();
    }
  } finally {
    await bus.drain();
  }
}

type Ask = <O extends Operation>(step: string, operation: O, input: InputOf<O>) => Promise<OutputOf<O>>;

function administrator(bus: Bus, adminKey: string, installation: string): Ask {
  const credential = credentialFromApiKey(adminKey);
  if (credential === undefined) throw new Error('the administrator key is malformed');
  return async (step, operation, input) => {
    const attemptId = `seed-${installation}-${step}`;
    return (await call(bus, operation, input, { attemptId, credential, deadlineMs: 20_000 })).output;
  };
}

/** Whoever tries things out sends more texts to one phone than an attacker may, and enrols without asking anybody for an access code. */
async function relaxPolicy(ask: Ask): Promise<void> {
  const { version } = await ask('policy-read', policyGet, { scope: 'global' });
  if (version > 0) return;
  const messages = {
    perNumberHour: 1000,
    perNumberDay: 10_000,
    perPrefixHour: 1_000_000,
    perDay: 10_000_000,
    resendWaitSeconds: 5,
  };
  await ask('policy', policySet, {
    scope: 'global',
    expectedVersion: version,
    document: { messages, directory: { createUsers: true }, portal: { firstEnrolment: 'password' } },
  });
}

async function connectDirectory(ask: Ask, settings: DirectorySettings, bindPassword: string): Promise<void> {
  const { directories } = await ask('directories', directoryFind, {});
  if (directories.some(({ name }) => name === DIRECTORY)) return;
  await ask('directory', directoryCreate, { name: DIRECTORY, settings, bindPassword });
}

/** Whoever asks from this machine, as `radclient` does. Without a directory there is no password: what is typed is a code. */
async function admitVpn(
  ask: Ask,
  { applicationId, name }: { applicationId: string; name: string },
  { secret, hasDirectory }: { secret: string; hasDirectory: boolean },
): Promise<void> {
  const { clients } = await ask('radius-clients', radiusClientFind, {});
  if (clients.some((client) => client.name === name)) return;
  const settings: InputOf<typeof radiusClientCreate>['settings'] = {
    ...DEFAULT_RADIUS_CLIENT,
    attributes: [...DEFAULT_RADIUS_CLIENT.attributes],
    groups: [...DEFAULT_RADIUS_CLIENT.groups],
    upstreamAttributes: [...DEFAULT_RADIUS_CLIENT.upstreamAttributes],
    firstFactor: { by: hasDirectory ? 'directory' : 'none' },
    networks: ['127.0.0.0/8', '::1'],
    applicationId,
    // Time enough for a person who tries it by hand.
    timeoutSeconds: 60,
    tries: 1,
  };
  await ask('radius-client', radiusClientCreate, { name, settings, secret });
}

async function findOrCreate(ask: Ask, person: InputOf<typeof userCreate>): Promise<UserView> {
  try {
    return await ask(`user-${person.username}`, userCreate, person);
  } catch (error) {
    if (!(error instanceof MfaError) || error.code !== 'USER_EXISTS') throw error;
    const { users } = await ask(`find-${person.username}`, userFind, { username: person.username });
    const [user] = users;
    if (user === undefined) throw error;
    return user;
  }
}

async function enrolPhone(ask: Ask, { userId, username, authenticators }: UserView, phone: string): Promise<void> {
  if (authenticators.some(({ type, state }) => type === 'phone' && state === 'active')) return;
  await ask(`phone-${username}`, authenticatorEnrol, { userId, type: 'phone', phone, verified: true });
}

/** The secret of one that is there already was shown once and is lost: it is replaced. */
async function enrolTotp(ask: Ask, { userId, username, authenticators }: UserView, now: () => number): Promise<string> {
  for (const { type, authenticatorId } of authenticators) {
    if (type === 'totp') await ask(`remove-${authenticatorId}`, authenticatorRemove, { userId, authenticatorId });
  }
  const attempt = `${username}-${now()}`;
  const enrolled = await ask(`totp-${attempt}`, authenticatorEnrol, { userId, type: 'totp', ...TOTP });
  const secret = base32Decode(enrolled.secret ?? '');
  if (secret === undefined || enrolled.secret === undefined) throw new Error('no TOTP secret was given');
  const { authenticatorId } = enrolled;
  const confirm = (stepsBack: number) => {
    const code = totpCode({ secret, ...TOTP }, totpStep(now(), TOTP.periodSeconds) - stepsBack);
    return ask(`confirm-${attempt}-${stepsBack}`, authenticatorConfirm, { userId, authenticatorId, code });
  };
  // With the code of the step before, which the window takes, so that the code of now is still good for a login. When the
  // step ends on the way, that code is too old.
  await confirm(1).catch((error: unknown) => {
    if (error instanceof MfaError && error.code === 'CODE_REJECTED') return confirm(0);
    throw error;
  });
  return enrolled.secret;
}
