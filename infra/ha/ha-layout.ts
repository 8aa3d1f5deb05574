import { join } from 'node:path';
import { HA_FOLDER, layout, type Layout, type RadiusPorts } from '../dev/layout.ts';
import { THIS_MACHINE, type Machine, type Place } from '../dev/machine.ts';
import {
  GATEWAYS,
  MOBILE_SERVICES,
  PORTALS,
  RADIUS_SERVERS,
  type GatewayName,
  type MobileServiceName,
  type PortalName,
  type RadiusServerName,
} from '../dev/secrets.ts';

/** Where RADIUS is taken. `port` is the one at which one sees whether it is. */
export type RadiusPlace = Place & Omit<RadiusPorts, 'status'>;

/** The machines that carry the topology. */
export interface Site {
  /** One of every server goes to each in turn. */
  machines: readonly Machine[];
  /** The network they are in, as Postgres writes it. */
  network: string;
  /** Address of what is no part of it: callers, carriers. */
  outside: string;
}

/** Where the production topology keeps everything, and where it listens. */
export interface HaLayout extends Layout {
  site: Site;
  balancers: readonly Place[];
  /** The same balancers in front of portals, for people. */
  portalBalancers: readonly Place[];
  /** The same balancers in front of what serves phones. */
  mobileBalancers: readonly Place[];
  /** The same balancers in front of app-servers, for inside. */
  adminBalancers: readonly Place[];
  sdkGateways: readonly (Place & { name: GatewayName })[];
  userPortals: readonly (Place & { name: PortalName })[];
  mobileServices: readonly (Place & { name: MobileServiceName })[];
  radiusServers: readonly (RadiusPlace & { name: RadiusServerName })[];
  /** nginx on the machines of the balancers: HAProxy takes no UDP. `port` is that of RadSec, at which one sees that it runs. */
  radiusBalancers: readonly RadiusPlace[];
  appServers: readonly Place[];
  etcd: readonly { name: string; machine: Machine; client: number; peer: number }[];
  nats: readonly { name: string; machine: Machine; client: number; route: number; monitor: number }[];
  postgres: readonly { name: string; machine: Machine; port: number; rest: number }[];
}

const ONE_MACHINE: Site = { machines: [THIS_MACHINE], network: '127.0.0.1/32', outside: '127.0.0.1' };

/**
 * Its own folder beside the development stack's, and the same ports, since only one of the two runs at a time.
 * @param site this machine alone unless given.
 */
export function haLayout(environment: Readonly<Record<string, string | undefined>>, site = ONE_MACHINE): HaLayout {
  const development = layout(environment);
  const dir = join(development.dir, HA_FOLDER);
  const { ports } = development;
  const from = (first: number, index: number) => first + index;
  const machineOf = (index: number) => site.machines[index % site.machines.length] ?? THIS_MACHINE;
  const { nats, postgresPrimary, inbox } = ports;
  return {
    ...development,
    dir,
    logs: join(dir, 'logs'),
    site,
    balancers: [0, 1].map((index) => ({
      name: `balancer-${index + 1}`,
      machine: machineOf(index),
      port: from(inbox - 620, index),
    })),
    portalBalancers: [0, 1].map((index) => ({
      name: `balancer-${index + 1}`,
      machine: machineOf(index),
      port: from(inbox - 520, index),
    })),
    mobileBalancers: [0, 1].map((index) => ({
      name: `balancer-${index + 1}`,
      machine: machineOf(index),
      port: from(inbox - 420, index),
    })),
    adminBalancers: [0, 1].map((index) => ({
      name: `balancer-${index + 1}`,
      machine: machineOf(index),
      port: from(inbox - 790, index),
    })),
    sdkGateways: GATEWAYS.map((name, index) => ({
      name,
      machine: machineOf(index),
      port: ports.sdkGateways[index] ?? 0,
    })),
    userPortals: PORTALS.map((name, index) => ({
      name,
      machine: machineOf(index),
      port: ports.userPortals[index] ?? 0,
    })),
    mobileServices: MOBILE_SERVICES.map((name, index) => ({
      name,
      machine: machineOf(index),
      port: ports.mobileServices[index] ?? 0,
    })),
    radiusServers: RADIUS_SERVERS.map((name, index) => {
      const { status, ...own } = ports.radiusServers[index] ?? {
        status: 0,
        authentication: 0,
        accounting: 0,
        radsec: 0,
      };
      return { name, machine: machineOf(index), port: status, ...own };
    }),
    radiusBalancers: [0, 1].map((index) => ({
      name: `radius-balancer-${index + 1}`,
      machine: machineOf(index),
      port: from(inbox - 300, index),
      authentication: from(inbox - 320, index),
      accounting: from(inbox - 310, index),
      radsec: from(inbox - 300, index),
    })),
    appServers: ports.appServers.map((port, index) => ({
      name: `app-server-${index + 1}`,
      machine: machineOf(index),
      port,
    })),
    etcd: [0, 1, 2].map((index) => ({
      name: `etcd-${index + 1}`,
      machine: machineOf(index),
      client: from(nats + 20, index),
      peer: from(nats + 25, index),
    })),
    nats: [0, 1, 2].map((index) => ({
      name: `nats-${index + 1}`,
      machine: machineOf(index),
      client: from(nats, index),
      route: from(nats + 5, index),
      monitor: from(nats + 10, index),
    })),
    postgres: [0, 1].map((index) => ({
      name: `postgres-${index + 1}`,
      machine: machineOf(index),
      port: from(postgresPrimary, index),
      rest: from(postgresPrimary + 5, index),
    })),
  };
}

/** Every server and service by its name, with the machine that carries it. */
export function membersOf(layout: HaLayout): { name: string; machine: Machine }[] {
  const { nats, etcd, postgres, appServers, sdkGateways, userPortals, mobileServices, radiusServers } = layout;
  const { balancers, radiusBalancers } = layout;
  return [
    ...nats,
    ...etcd,
    ...postgres,
    ...appServers,
    ...sdkGateways,
    ...userPortals,
    ...mobileServices,
    ...radiusServers,
    ...balancers,
    ...radiusBalancers,
  ];
}

/**
 * Where people reach the portal: by a name, whatever the addresses of the balancers are, since passkeys are bound to it. Their certificates
 * are good for it.
 */
export function portalUrlOf({ portalBalancers: [first] }: HaLayout): string {
  return `https://localhost:${first?.port}`;
}

/** Where phones reach their service, likewise: what they sign names it. */
export function deviceUrlOf({ mobileBalancers: [first] }: HaLayout): string {
  return `https://localhost:${first?.port}`;
}

/** Every UDP port that somebody listens on, with who it is. */
export function datagramPortsOf({ radiusServers, radiusBalancers }: HaLayout): Map<number, string> {
  return new Map(
    [...radiusServers, ...radiusBalancers].flatMap(({ name, authentication, accounting }) =>
      [authentication, accounting].map((port): [number, string] => [port, name]),
    ),
  );
}

/** Every TCP port that somebody listens on, with who it is. */
export function portsOf(layout: HaLayout): Map<number, string> {
  const { nats, etcd, postgres, appServers, sdkGateways, userPortals, mobileServices, ports } = layout;
  const { radiusServers, radiusBalancers } = layout;
  const { balancers, portalBalancers, mobileBalancers, adminBalancers } = layout;
  const places = [...balancers, ...portalBalancers, ...mobileBalancers, ...adminBalancers];
  const services = [...appServers, ...sdkGateways, ...userPortals, ...mobileServices, ...places];
  return new Map<number, string>([
    ...nats.flatMap(({ name, client, route, monitor }) =>
      [client, route, monitor].map((port): [number, string] => [port, name]),
    ),
    ...etcd.flatMap(({ name, client, peer }) => [client, peer].map((port): [number, string] => [port, name])),
    ...postgres.flatMap(({ name, port, rest }) => [port, rest].map((each): [number, string] => [each, name])),
    ...services.map(({ name, port }): [number, string] => [port, name]),
    ...[...radiusServers, ...radiusBalancers].flatMap(({ name, port, radsec }) =>
      [port, radsec].map((each): [number, string] => [each, name]),
    ),
    [ports.inbox, 'the inbox'],
    [ports.directory, 'the directory'],
  ]);
}
