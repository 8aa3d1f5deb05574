import { expect, test } from 'vitest';
import { replaceServers } from './servers.ts';

const configuration = `backend sdk-gateway
  balance roundrobin
  # servers: sdk-gateway 8200
  server old 10.0.0.9:8200
  # end of servers
  # by hand
backend app-server
  # servers: app-server 8100
  # end of servers
`;

test('only what stands between the marks is replaced, service by service', () => {
  const replaced = replaceServers(configuration, (service, port) => [
    { name: `${service}-1`, host: '10.0.0.1', port },
    { name: `${service}-2`, host: 'two.example.com', port: port + 1 },
  ]);
  expect(replaced).toEqual({
    services: ['sdk-gateway', 'app-server'],
    configuration: `backend sdk-gateway
  balance roundrobin
  # servers: sdk-gateway 8200
  server sdk-gateway-1 10.0.0.1:8200 verifyhost sdk-gateway-1
  server sdk-gateway-2 two.example.com:8201 verifyhost sdk-gateway-2
  # end of servers
  # by hand
backend app-server
  # servers: app-server 8100
  server app-server-1 10.0.0.1:8100 verifyhost app-server-1
  server app-server-2 two.example.com:8101 verifyhost app-server-2
  # end of servers
`,
  });
  expect(replaceServers('global\n', () => [])).toEqual({ configuration: 'global\n', services: [] });
});

test('of nginx the mark says where they tell that they are ready, and stays', () => {
  const nginx = `  upstream radius {
    # servers: radius-server 1812, ready at 8650
    server 10.0.0.9:1812;
    # end of servers
  }
`;
  const told: unknown[] = [];
  const replaced = replaceServers(nginx, (service, port, readyAt) => {
    told.push(service, port, readyAt);
    return [{ name: 'radius-server-1', host: '10.0.0.1', port }];
  });
  expect(told).toEqual(['radius-server', 1812, 8650]);
  expect(replaced.configuration).toBe(`  upstream radius {
    # servers: radius-server 1812, ready at 8650
    server 10.0.0.1:1812 max_fails=0; # radius-server-1
    # end of servers
  }
`);
});

test.each([
  ['sdk-gateway-1', '10.0.0.1\n  server other 10.6.6.6'],
  ['sdk-gateway-1', '10.0.0.1 check'],
  ['sdk-gateway-1', '10.0.0.1\n'],
  ['sdk-gateway-1', ''],
  ['sdk-gateway-1\n', '10.0.0.1'],
  ['sdk gateway', '10.0.0.1'],
  ['sdk-gateway-1\nglobal', '10.0.0.1'],
])('%j at %j becomes no line', (name, host) => {
  const impostor = () => [{ name, host, port: 1 }];
  expect(() => replaceServers(configuration, impostor)).toThrow('is no replica');
  const nginx = configuration.replace('8200', '8200, ready at 8201');
  expect(() => replaceServers(nginx.slice(0, nginx.indexOf('backend app')), impostor)).toThrow('is no replica');
});
