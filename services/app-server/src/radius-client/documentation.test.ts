import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  DEFAULT_POLICY,
  DEFAULT_RADIUS_CLIENT,
  RADIUS_PROFILES,
  radiusClientCreate,
  radiusPosture,
  radiusUpstreamCreate,
  type RadiusClientSettings,
} from '@countersign/contracts';
import { Compile } from 'typebox/compile';
import { expect, test } from 'vitest';
import { checkedSettings } from './settings.ts';

const PAGE = readFileSync(join(import.meta.dirname, '../../../../docs/operations/radius.md'), 'utf8');
const examples = [...PAGE.matchAll(/^ *```json\n([\s\S]*?)^ *```$/gm)].map(
  ([, text = '']) => JSON.parse(text) as object,
);
const ofClients = examples.filter((example) => 'networks' in example);
const ofUpstreams = examples.filter((example) => 'servers' in example);
const [client, upstream] = [Compile(radiusClientCreate.input), Compile(radiusUpstreamCreate.input)];

test('docs/operations/radius.md has examples of clients and of upstream servers, and of nothing else', () => {
  expect(ofClients.length).toBeGreaterThan(3);
  expect(ofUpstreams.length).toBeGreaterThan(0);
  expect(ofClients.length + ofUpstreams.length).toBe(examples.length);
});

test.each(ofClients)('an example of a client can be used as it stands: %s', (example) => {
  const defaults = { ...DEFAULT_RADIUS_CLIENT, applicationId: '0d3c8a0e-6e2b-4a34-8d0f-70c3a1c1b9d2' };
  const settings = { ...defaults, ...example } as unknown as RadiusClientSettings;
  expect([...client.Errors({ name: 'VPN', settings })]).toEqual([]);
  expect(checkedSettings(settings, { policy: DEFAULT_POLICY })).toEqual(settings);
});

test.each(ofUpstreams)('an example of an upstream server can be used as it stands: %s', (settings) => {
  expect([...upstream.Errors({ name: 'NPS', settings, secret: 'of sixteen octets'.replaceAll(' ', '-') })]).toEqual([]);
});

test('RAD-50: docs/operations/radius.md has every profile, as it is', () => {
  const words = { pap: 'PAP', mschapv2: 'MS-CHAPv2', eap: 'EAP' } as const;
  for (const [name, profile] of Object.entries(RADIUS_PROFILES)) {
    const passwords = profile.passwords.map((kind) => words[kind]).join(', ');
    const challenge = profile.supportsChallenge ? 'yes' : 'no';
    const row = `| \`${name}\` | ${profile.title} | ${profile.timeoutSeconds} s | ${profile.tries} | ${challenge} | ${passwords} |`;
    expect(PAGE).toContain(row);
  }
});

test('docs/operations/radius.md explains every kind of advice', () => {
  const { properties } = radiusPosture.output.properties.clients.items.properties.advice.items;
  const codes = properties.code.enum;
  expect(codes.length).toBeGreaterThan(5);
  for (const code of codes) expect(PAGE).toContain(`| \`${code}\` |`);
});
