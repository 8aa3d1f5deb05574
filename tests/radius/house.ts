import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  ACCEPT_FORGEABLE,
  authenticatorEnrol,
  DEFAULT_RADIUS_CLIENT,
  directoryCreate,
  radiusClientCreate,
  radiusUpstreamCreate,
  type RadiusClientSettings,
} from '@countersign/contracts';
import { freePort, startSlapd, type Slapd } from '@countersign/testkit';
import { HttpPhone } from '../phone.ts';
import { startStack, type Stack, type StackOptions, type TestApplication, type TestUser } from '../stack.ts';

/** What every radius-server has heard of by then: they ask every 2 seconds, and app-servers read every 2. */
const CLIENTS_ARE_KNOWN_MS = 5000;

/** A stack with radius-servers, a directory that holds passwords, and one application that people log in to over RADIUS. */
export interface RadiusHouse {
  readonly stack: Stack;
  readonly vpn: TestApplication;
  /** Adds a RADIUS client. It is known once `admitted` says so. */
  admit(name: string, settings: Partial<RadiusClientSettings>): Promise<Client>;
  /** Servers that hold passwords, for the settings of a client. @returns its id. */
  upstream(name: string, ports: readonly number[], secret: string): Promise<string>;
  /** Once every radius-server knows whoever was added. */
  admitted(): Promise<void>;
  /** The password that the directory has of whoever was named when it started. */
  passwordOf(username: string): string;
  /** A phone with the app, in the hand of this user. */
  phoneOf(user: TestUser): Promise<HttpPhone>;
  stop(): Promise<void>;
}

export interface Client {
  clientId: string;
  name: string;
  secret: string;
}

/** @param usernames of whom the directory knows. */
export async function startRadiusHouse(usernames: readonly string[], options: StackOptions): Promise<RadiusHouse> {
  const stack = await startStack({ sdkGateways: 0, ...options });
  let slapd: Slapd | undefined;
  const stop = async () => {
    await stack.stop();
    await slapd?.kill();
  };
  try {
    const passwords = new Map(usernames.map((username) => [username, `${username} ${randomBytes(6).toString('hex')}`]));
    const { certificatePem, keyPem } = stack.certificate;
    slapd = await startSlapd({
      dir: join(stack.dir, 'slapd'),
      port: await freePort(),
      certificatePem,
      keyPem,
      people: [...passwords].map(([username, password]) => ({ username, password })),
      logFile: join(stack.logs, 'slapd.log'),
    });
    await stack.admin(directoryCreate, {
      name: 'Directory',
      settings: {
        urls: [slapd.url],
        kind: 'ldap',
        authorities: stack.authority.certificatePem,
        baseDn: slapd.baseDn,
        bindDn: slapd.bindDn,
        netbiosNames: [],
        suffixes: [],
      },
      bindPassword: slapd.bindPassword,
    });
    const vpn = await stack.addApplication(['challenge']);
    return {
      stack,
      vpn,
      admit: async (name, settings) => {
        const secret = randomBytes(18).toString('base64url');
        const whole = { ...defaults(), networks: [], applicationId: vpn.applicationId, ...settings };
        const isForgeable = whole.requireMessageAuthenticator === 'no' && !whole.limitProxyState;
        const { client } = await stack.admin(radiusClientCreate, {
          name,
          settings: whole,
          secret,
          ...(isForgeable && { confirmation: ACCEPT_FORGEABLE }),
        });
        return { clientId: client.clientId, name, secret };
      },
      upstream: async (name, ports, secret) => {
        const settings = {
          servers: ports.map((port) => ({ host: '127.0.0.1', port })),
          timeoutSeconds: 1,
          tries: 2,
          requireMessageAuthenticator: true,
        };
        const { upstreamId } = await stack.admin(radiusUpstreamCreate, { name, settings, secret });
        return upstreamId;
      },
      admitted: () => sleep(CLIENTS_ARE_KNOWN_MS),
      passwordOf: (username) => passwords.get(username) ?? '',
      phoneOf: async ({ userId }) => {
        const { uri = '' } = await stack.admin(authenticatorEnrol, { userId, type: 'app' });
        return HttpPhone.activate(stack.clientAs({}), stack.mobiles[0]?.url ?? '', uri);
      },
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** Lists of their own, which those of the contract are not. */
function defaults(): Omit<RadiusClientSettings, 'networks' | 'applicationId'> {
  const { attributes, groups, upstreamAttributes } = DEFAULT_RADIUS_CLIENT;
  return {
    ...DEFAULT_RADIUS_CLIENT,
    attributes: [...attributes],
    groups: [...groups],
    upstreamAttributes: [...upstreamAttributes],
  };
}
