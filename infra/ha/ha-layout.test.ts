import { expect, test } from 'vitest';
import { haLayout, membersOf } from './ha-layout.ts';

const kindOf = (name: string) => name.replace(/-\d+$/, '');

test('on three machines none carries two of a kind, and every kind that is needed once is on two', () => {
  const machines = ['10.0.0.1', '10.0.0.2', '10.0.0.3'].map((host) => ({ host }));
  const members = membersOf(haLayout({}, { machines, network: '10.0.0.0/24', outside: '10.0.0.254' }));
  for (const { host } of machines) {
    const kinds = members.filter(({ machine }) => machine.host === host).map(({ name }) => kindOf(name));
    expect(new Set(kinds).size).toBe(kinds.length);
    expect(kinds).toEqual(expect.arrayContaining(['nats', 'etcd']));
  }
  const twice = ['postgres', 'app-server', 'sdk-gateway', 'user-portal', 'mobile-app-web-service', 'radius-server'];
  for (const kind of [...twice, 'balancer', 'radius-balancer']) {
    const hosts = members.filter(({ name }) => kindOf(name) === kind).map(({ machine }) => machine.host);
    expect(new Set(hosts).size).toBeGreaterThanOrEqual(2);
  }
});

test('unless it is told of machines, everything is on this one, each on a port of its own', () => {
  const layout = haLayout({});
  expect(new Set(membersOf(layout).map(({ machine }) => machine.host))).toEqual(new Set(['127.0.0.1']));
  const { nats, etcd, postgres, appServers, sdkGateways, userPortals, mobileServices, ports } = layout;
  const { balancers, portalBalancers, mobileBalancers, adminBalancers, radiusServers, radiusBalancers } = layout;
  const places = [...balancers, ...portalBalancers, ...mobileBalancers, ...adminBalancers];
  const services = [...appServers, ...sdkGateways, ...userPortals, ...mobileServices, ...places];
  const taken = [
    ...nats.flatMap(({ client, route, monitor }) => [client, route, monitor]),
    ...etcd.flatMap(({ client, peer }) => [client, peer]),
    ...postgres.flatMap(({ port, rest }) => [port, rest]),
    ...services.map(({ port }) => port),
    ...radiusServers.flatMap(({ port, authentication, accounting, radsec }) => [
      port,
      authentication,
      accounting,
      radsec,
    ]),
    ...radiusBalancers.flatMap(({ authentication, accounting, radsec }) => [authentication, accounting, radsec]),
    ports.inbox,
    ports.directory,
  ];
  expect(new Set(taken).size).toBe(taken.length);
});
