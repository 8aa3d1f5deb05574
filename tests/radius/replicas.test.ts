import { setTimeout as sleep } from 'node:timers/promises';
import { auditFind, RADIUS_PROFILES, type RadiusProfile, type RadiusProfileName } from '@countersign/contracts';
import { ATTRIBUTE, CODE, encodeStatusServer, firstOf } from '@countersign/radius';
import { freePort, waitUntil, type RunningProcess } from '@countersign/testkit';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { THIS_MACHINE } from '../../infra/dev/machine.ts';
import { prepareRadiusBalancers } from '../../infra/ha/radius-balancer.ts';
import type { HttpPhone } from '../phone.ts';
import type { RadiusReplica, Replica, TestUser } from '../stack.ts';
import { openAccessServer, type AccessServer } from './access-server.ts';
import { startRadiusHouse, type Client, type RadiusHouse } from './house.ts';
import { isSignedFirst, packetIn, passwordRequest } from './requests.ts';

/** Products that wait and repeat alike, as a RADIUS client with a balancer and a person of its own. */
interface Product {
  /** Those that are alike. */
  profiles: RadiusProfileName[];
  profile: RadiusProfile;
  /** Address that radius-servers see it come from. */
  address: string;
  client: Client;
  user: TestUser;
  phone: HttpPhone;
  /** nginx, as in infra/ha. */
  balancer: RunningProcess;
  port: number;
}

/** Between one packet and the same again: what takes a product 3 to 20 seconds is done here in this time. */
const REPEAT_MS = 600;

let house: RadiusHouse;
let products: Product[];
let survivor: RadiusReplica;
let victim: RadiusReplica;

beforeAll(async () => {
  house = await startRadiusHouse([], { radiusServers: 2, mobileServices: 1 });
  const [one, two] = house.stack.radiusServers;
  if (one === undefined || two === undefined) throw new Error('fewer than two replicas');
  [victim, survivor] = [one, two];
  products = await Promise.all(alike().map((profiles, n) => installed(profiles, `127.0.0.${21 + n}`)));
  await house.admitted();
});
afterAll(async () => {
  await Promise.all(products?.map(({ balancer }) => balancer.kill()) ?? []);
  await house?.stop();
});
/** Whatever the test before has stopped runs again. */
beforeEach(async () => {
  const { nats, radiusServers, appServers, mobiles, client } = house.stack;
  if (!nats.running) await nats.start();
  const replicas = [...radiusServers, ...appServers, ...mobiles];
  for (const replica of replicas) if (!replica.running) await replica.start();
  const isReady = async ({ url }: Replica) => (await client.request(url, 'GET', '/health/ready')).status === 200;
  await waitUntil(async () => (await Promise.all(replicas.map(isReady))).every(Boolean), {
    timeoutMs: 30_000,
    what: 'every replica to be ready',
  });
});

/** The table of RAD-50, and whatever joins it. */
function alike(): RadiusProfileName[][] {
  const kinds = Object.groupBy(Object.keys(RADIUS_PROFILES) as RadiusProfileName[], (name) => {
    const { timeoutSeconds, tries, supportsChallenge } = RADIUS_PROFILES[name];
    return `${timeoutSeconds} s × ${tries} ${supportsChallenge}`;
  });
  return Object.values(kinds).filter((names) => names !== undefined);
}

async function installed(profiles: RadiusProfileName[], address: string): Promise<Product> {
  const { stack } = house;
  const [name = 'generic'] = profiles;
  const user = await stack.addUser({ phone: false });
  const phone = await house.phoneOf(user);
  const client = await house.admit(name, {
    networks: [address],
    profile: name,
    firstFactor: { by: 'none' },
    allowPlainApproval: true,
  });
  const port = await freePort();
  const [accounting, radsec] = [await freePort(), await freePort()];
  const [balancer] = prepareRadiusBalancers(
    {
      dir: stack.dir,
      logs: stack.logs,
      radiusBalancers: [
        { name: `balancer-${name}`, machine: THIS_MACHINE, port: radsec, authentication: port, accounting, radsec },
      ],
    },
    stack.radiusServers.map(({ name: replica, url, ports }) => ({
      name: replica,
      machine: THIS_MACHINE,
      port: Number(new URL(url).port),
      ...ports,
    })),
    () => undefined,
    { standIn: address },
  );
  if (balancer === undefined) throw new Error('no balancer');
  await balancer.start();
  return { profiles, profile: RADIUS_PROFILES[name], address, client, user, phone, balancer, port };
}

const mobile = (): string => house.stack.mobiles[0]?.url ?? '';

/** Of this user, by type. */
async function audited({ userId }: TestUser): Promise<Record<string, number>> {
  const { events } = await house.stack.admin(auditFind, { userId, limit: 500 });
  const byType = Object.groupBy(events, ({ type }) => type);
  return Object.fromEntries(Object.entries(byType).map(([type, of]) => [type, of?.length ?? 0]));
}

/** A login up to where somebody is waited for: the request that is repeated until it is answered. */
interface Login {
  product: Product;
  server: AccessServer;
  request: Buffer;
  /** To type on the phone, where one was shown. */
  number: string | undefined;
}

async function begin(product: Product): Promise<Login> {
  const { client, user, profile, port } = product;
  const server = await openAccessServer('127.0.0.1');
  const { username } = user;
  const request = passwordRequest(client.secret, { username, password: 'app' });
  if (!profile.supportsChallenge) return { product, server, request, number: undefined };
  server.send(request, port);
  const challenge = packetIn(await server.next(0, 10_000));
  expect(challenge.code).toBe(CODE.accessChallenge);
  const shown = String(firstOf(challenge, ATTRIBUTE.replyMessage));
  const [, number] = /type (\d+)\. Then press Enter here\./.exec(shown) ?? [];
  const state = { type: ATTRIBUTE.state, value: firstOf(challenge, ATTRIBUTE.state) ?? Buffer.alloc(0) };
  const enter = passwordRequest(client.secret, { username, password: ' ' }, [state]);
  return { product, server, request: enter, number };
}

async function approve({ product, number }: Login): Promise<void> {
  const prompts = await product.phone.poll(mobile(), { wait: 10 });
  const [prompt] = prompts;
  expect(prompts, 'one push').toHaveLength(1);
  if (prompt === undefined) throw new Error('the phone was not asked');
  await product.phone.answer(mobile(), prompt, { decision: 'approve', ...(number !== undefined && { number }) });
}

/** What came after the challenge. */
const answersTo = ({ server, number }: Login): readonly Buffer[] => server.heard.slice(number === undefined ? 0 : 1);

test(
  `R12, RAD-41, RAD-43, RAD-50 each product repeats as it does, ${REPEAT_MS} ms in place of its seconds, and one of two replicas is killed: one push, one claim, one Accept`,
  { timeout: 180_000 },
  async () => {
    for (const product of products) {
      if (product.profile.tries > 1 || product.profile.supportsChallenge) continue;
      // Whoever asks once hears nothing from a replica that dies: the turn after this one is the other's.
      const status = encodeStatusServer(
        { id: 0, authenticator: Buffer.alloc(16, 7) },
        Buffer.from(product.client.secret),
      );
      const server = await openAccessServer('127.0.0.1');
      server.send(status, product.port);
      expect((await server.next(0, 5000))?.readUInt8(0)).toBe(CODE.accessAccept);
      await server.close();
    }
    const logins = await Promise.all(products.map(begin));
    let sentTwice = 0;
    const killed = Promise.withResolvers<void>();
    const repeating = logins.filter(({ product }) => product.profile.tries > 1).length;
    await Promise.all(
      logins.map(async (login) => {
        const { server, request, product } = login;
        for (let sent = 1; sent <= product.profile.tries; sent += 1) {
          server.send(request, product.port);
          if (sent === 2 && (sentTwice += 1) === repeating) void victim.kill().then(killed.resolve, killed.reject);
          if (sent === 2) await killed.promise;
          await sleep(REPEAT_MS);
        }
        await killed.promise;
        await approve(login);
        await waitUntil(() => answersTo(login).length > 0, { what: `the answer to ${product.profiles.join(', ')}` });
      }),
    );
    for (const login of logins) {
      const { product, server, request } = login;
      const [accept] = answersTo(login);
      expect(accept?.readUInt8(0), product.profiles.join(', ')).toBe(CODE.accessAccept);
      expect(accept === undefined ? false : isSignedFirst(accept)).toBe(true);
      // It was lost on the way: once more, of two turns one is the survivor's.
      server.send(request, product.port);
      server.send(request, product.port);
    }
    await Promise.all(
      logins.map((login) => waitUntil(() => answersTo(login).length > 1, { what: 'the same answer again' })),
    );
    // Who was killed remembers nothing of it.
    await victim.start();
    for (const login of logins) {
      const again = await openAccessServer(login.product.address);
      again.send(login.request, victim.ports.authentication);
      const octets = await again.next(0, 10_000);
      expect([...answersTo(login), octets]).toEqual(Array(answersTo(login).length + 1).fill(answersTo(login)[0]));
      await again.close();
      await login.server.close();
    }
    for (const { user, profiles } of products) {
      await expect
        .poll(() => audited(user), { message: profiles.join(', ') })
        .toMatchObject({ 'challenge.started': 1, 'challenge.approved': 1, 'challenge.claimed': 1 });
    }
  },
);

describe('what is away', () => {
  const some = (): Product => {
    const found = products.find(({ profile }) => profile.supportsChallenge);
    if (found === undefined) throw new Error('no product shows a challenge');
    return found;
  };

  test('RAD-44, RAD-70 without NATS nobody is asked, and nothing is answered, Status-Server neither; afterwards the same packet is', async () => {
    const { stack } = house;
    const { client, address, user, phone } = some();
    const before = await audited(user);
    const asked = await Promise.all(stack.radiusServers.map(() => openAccessServer(address)));
    const statuses = await Promise.all(stack.radiusServers.map(() => openAccessServer(address)));
    const request = passwordRequest(client.secret, { username: user.username, password: 'app' });
    const status = encodeStatusServer({ id: 1, authenticator: Buffer.alloc(16, 1) }, Buffer.from(client.secret));
    await stack.nats.stop();
    // Longer than what a replica heard last says of now.
    await sleep(5500);
    const send = (servers: AccessServer[], octets: Buffer) => {
      for (const [n, { ports }] of stack.radiusServers.entries()) servers[n]?.send(octets, ports.authentication);
    };
    send(asked, request);
    send(statuses, status);
    await sleep(3000);
    expect([...asked, ...statuses].flatMap(({ heard }) => heard)).toEqual([]);

    await stack.nats.start();
    await waitUntil(
      async () => {
        send(asked, request);
        send(statuses, status);
        await sleep(500);
        return [...asked, ...statuses].every(({ heard }) => heard.length > 0);
      },
      { timeoutMs: 30_000, what: 'everybody to be answered' },
    );
    expect(statuses.map(({ heard }) => heard[0]?.readUInt8(0))).toEqual([CODE.accessAccept, CODE.accessAccept]);
    const challenges = asked.flatMap(({ heard }) => heard);
    expect(new Set(challenges.map((octets) => octets.toString('hex'))).size, 'one answer, from whichever').toBe(1);
    expect(challenges[0]?.readUInt8(0)).toBe(CODE.accessChallenge);
    await expect.poll(() => phone.poll(mobile()).then(({ length }) => length), { message: 'one push' }).toBe(1);
    await expect
      .poll(async () => (await audited(user))['challenge.started'])
      .toBe((before['challenge.started'] ?? 0) + 1);
    await Promise.all([...asked, ...statuses].map((server) => server.close()));
  });

  test('an app-server that is killed while somebody is waited for costs nothing', async () => {
    const product = products.find(({ profile }) => profile.timeoutSeconds > 30 && !profile.supportsChallenge);
    if (product === undefined) throw new Error('no product waits long enough');
    const login = await begin(product);
    login.server.send(login.request, product.port);
    const [prompt] = await product.phone.poll(mobile(), { wait: 10 });
    expect(prompt).toBeDefined();
    await house.stack.appServers[0]?.kill();
    await approve(login);
    const answer = await login.server.next(0, 20_000);
    expect(answer?.readUInt8(0)).toBe(CODE.accessAccept);
    await login.server.close();
  });
});
