import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SERVICE_NAMES } from '@countersign/authority';
import { describe, expect, test } from 'vitest';

const here = import.meta.dirname;
const kinds = readdirSync(join(here, 'kinds')).map((file) => file.replace(/\.nft$/, ''));
const page = readFileSync(join(here, '../../../docs/operations/topology.md'), 'utf8');
/** As the page calls whoever may ask, and the ruleset. */
const SOURCES: Readonly<Record<string, string>> = {
  callers: 'callers',
  people: 'people',
  phones: 'phones',
  'RADIUS clients': 'radius_clients',
  administrators: 'administrators',
  Prometheus: 'monitors',
  balancer: 'balancers',
  'sdk-gateway': 'gateways',
  'user-portal': 'portals',
  'mobile-app-web-service': 'mobile_services',
  'radius-server': 'radius_servers',
  'app-server': 'app_servers',
  'nats-server': 'nats_servers',
  etcd: 'etcd_members',
  postgres: 'postgres_nodes',
  'every machine': 'members',
};

/** `from → port`, or `port/udp`, of each kind of machine, as the table of docs/operations/topology.md has it. */
function documented(kind: string): string[] {
  const section = /^## Ports$([\s\S]*?)^## /m.exec(page)?.[1] ?? '';
  return [...section.matchAll(/^\| ([^|]+) \| ([^|]+) \| ((?:\d+(?:\/udp)?(?:, )?)+) \|/gm)].flatMap(
    ([, from = '', to = '', ports = '']) =>
      to.trim() === kind
        ? from
            .split(', ')
            .flatMap((source) => ports.split(', ').map((port) => `${SOURCES[source.trim()]} → ${port.trim()}`))
        : [],
  );
}

test('there is a file for every kind of machine that others reach', () => {
  expect(kinds.toSorted()).toEqual(SERVICE_NAMES.filter((service) => service !== 'admin').toSorted());
});

test.each(kinds)('%s may be reached as docs/operations/topology.md says, and not otherwise', (kind) => {
  const rules = readFileSync(join(here, 'kinds', `${kind}.nft`), 'utf8')
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'));
  const open = rules.map((rule) => {
    const [, from, transport, port] =
      /^add rule inet countersign input ip saddr \$(\w+)(?: ip daddr \$(?:portal|device)_addresses)? (tcp|udp) dport (\d+) accept comment "[^"]+"$/.exec(
        rule,
      ) ?? [];
    return `${from} → ${port}${transport === 'udp' ? '/udp' : ''}`;
  });
  expect(open.length).toBeGreaterThan(1);
  expect(open.toSorted()).toEqual(documented(kind).toSorted());
});

test.each([
  ['people', 'portal_addresses'],
  ['phones', 'device_addresses'],
])('%s reach no other address of a balancer than $%s: the gateway answers on the same port', (source, addresses) => {
  const rules = readFileSync(join(here, 'kinds/balancer.nft'), 'utf8').split('\n');
  const theirs = rules.filter((rule) => rule.includes(`$${source}`));
  expect(theirs.length).toBeGreaterThan(0);
  for (const rule of theirs) expect(rule).toContain(`ip saddr $${source} ip daddr $${addresses} tcp dport 443 `);
});

test('the ports are those of the templates and settings', () => {
  const rowOf = (place: string) => new RegExp(`^\\| [\\w.-]+ \\| ${place} \\| ([^|]+) \\|`, 'm').exec(page)?.[1] ?? '';
  const ports = (kind: string) => new Set(documented(kind).map((line) => line.replace(/.* /, '')));
  const numbers = (text: string) => new Set(text.match(/\b\d{3,5}\b/g));
  expect(ports('etcd')).toEqual(numbers(rowOf('`CLIENT_PORT`, `PEER_PORT`')));
  expect(ports('postgres')).toEqual(numbers(rowOf('`PORT`, `REST_PORT`')));
  const radius = rowOf('`BALANCED_AUTHENTICATION_PORT`, `BALANCED_ACCOUNTING_PORT`, `BALANCED_RADSEC_PORT`');
  const [login, accounting, radsec] = radius.match(/\b\d{4}\b/g) ?? [];
  const ofRadius = [`${login}/udp`, `${accounting}/udp`, String(radsec)];
  expect(ports('balancer')).toEqual(new Set([...numbers(rowOf('`SERVICE`, `PORT`')), ...ofRadius]));
  const founding = readFileSync(join(here, '../../../packages/cli/src/cluster/init.ts'), 'utf8');
  expect(ports('nats-server')).toEqual(numbers(/hostAndPorts\(text, (\[4\d+, \d+\])\)/.exec(founding)?.[1] ?? ''));
  for (const service of ['app-server', 'sdk-gateway', 'user-portal', 'mobile-app-web-service']) {
    const readme = readFileSync(join(here, `../../../services/${service}/README.md`), 'utf8');
    const port = /^\| `COUNTERSIGN_PORT` \| [^|]+ \| `(\d+)` \|/m.exec(readme)?.[1] ?? '';
    expect(ports(service)).toEqual(new Set([port]));
  }
  const readme = readFileSync(join(here, '../../../services/radius-server/README.md'), 'utf8');
  const set = (name: string) =>
    new RegExp(`^\\| \`COUNTERSIGN_${name}\` \\| [^|]+ \\| \`(\\d+)\` \\|`, 'm').exec(readme)?.[1];
  expect(ofRadius).toEqual([`${set('RADIUS_PORT')}/udp`, `${set('RADIUS_ACCOUNTING_PORT')}/udp`, set('RADSEC_PORT')]);
  expect(ports('radius-server')).toEqual(new Set([...ofRadius, set('PORT')]));
});

const nft = ['/usr/sbin/nft', '/sbin/nft'].find((path) => spawnSync(path, ['--version']).status === 0);
const mayCheck = nft !== undefined && spawnSync(nft, ['-c', 'add table inet countersign_probe']).status === 0;
describe.skipIf(!mayCheck)('nftables (skipped without nft, and for whoever may not ask the kernel)', () => {
  test.each([...kinds.map((kind) => [kind]), kinds])('the kernel takes the rules of %s', (...run) => {
    const folder = mkdtempSync(join(tmpdir(), 'firewall-'));
    mkdirSync(join(folder, 'kinds'));
    for (const kind of run) {
      writeFileSync(join(folder, 'kinds', `${kind}.nft`), readFileSync(join(here, 'kinds', `${kind}.nft`)));
    }
    const template = readFileSync(join(here, 'countersign.nft'), 'utf8');
    const file = join(folder, 'countersign.nft');
    writeFileSync(
      file,
      template.replaceAll(/\$\{([A-Z_]+)\}/g, (_, place: string) =>
        place === 'KINDS' ? join(folder, 'kinds') : '10.0.0.0/24, 10.1.0.7',
      ),
    );
    const { status, stderr } = spawnSync(nft ?? '', ['-c', '-f', file], { encoding: 'utf8' });
    rmSync(folder, { recursive: true, force: true });
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  });
});
