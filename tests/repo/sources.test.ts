import { basename } from 'node:path';
import { expect, test } from 'vitest';
import { read, trackedFiles } from './tracked-files.ts';

const TESTS = /\.(test|fixture)\.ts$|^tests\/|\/testing\//;
const product = trackedFiles(/^(services|packages)\/.*\/src\/.*\.ts$/).filter(
  (path) => !TESTS.test(path) && !path.startsWith('packages/testkit/'),
);

test('product code was found', () => expect(product.length).toBeGreaterThan(80));

/** What stands between the braces of every catch clause, and in the arrow functions given to .catch(). */
function catchBodies(source: string): string[] {
  const bodies: string[] = [];
  for (const match of source.matchAll(/\bcatch\s*(?:\([^)]*\)\s*)?\{|\.catch\(\s*(?:async\s*)?\([^)]*\)\s*=>\s*\{/g)) {
    bodies.push(balanced(source, match.index + match[0].length - 1));
  }
  for (const match of source.matchAll(/\.catch\(\s*(?:async\s*)?\([^)]*\)\s*=>\s*(?!\{)([^\n]+)/g))
    bodies.push(match[1] ?? '');
  return bodies;
}

function balanced(source: string, from: number): string {
  let depth = 0;
  for (let at = from; at < source.length; at++) {
    if (source[at] === '{') depth += 1;
    if (source[at] === '}') depth -= 1;
    if (depth === 0) return source.slice(from, at + 1);
  }
  return source.slice(from);
}

const APPROVAL =
  /['"`]approved['"`]|challenge\.approved|bypass\.used|\bsigner\.sign\(|\bapproved:\s*true|\bverified:\s*true/;

test('the search for approvals in catch clauses finds one', () => {
  const wrong = `try { a() } catch (error) { if (x) { return { state: 'approved' }; } }`;
  const alsoWrong = `await a().catch(() => ({ state: "approved" }));`;
  const right = `try { return { state: 'approved' } } catch { throw new MfaError('UNAVAILABLE'); }`;
  expect(catchBodies(wrong).some((body) => APPROVAL.test(body))).toBe(true);
  expect(catchBodies(alsoWrong).some((body) => APPROVAL.test(body))).toBe(true);
  expect(catchBodies(right).some((body) => APPROVAL.test(body))).toBe(false);
});

test('R6: no catch clause holds an approval', () => {
  let looked = 0;
  const guilty = product.filter((path) =>
    catchBodies(read(path)).some((body) => {
      looked += 1;
      return APPROVAL.test(body);
    }),
  );
  expect(looked, 'no catch clause was looked at: mend this test').toBeGreaterThan(10);
  expect(guilty, 'an error never lets anybody in: throw an MfaError instead').toEqual([]);
});

test('time and randomness are arguments', () => {
  const allowed = /(^|\/)main\.ts$|^packages\/(bus|cli)\/|context\.ts$|bootstrap\.ts$/;
  const guilty = product.filter(
    (path) => !allowed.test(path) && /\b(Date\.now|Math\.random)\(\)|new Date\(\)/.test(withoutComments(read(path))),
  );
  expect(guilty, 'take `now: number` (ms) or `randomBytes` as an argument; main.ts passes them in').toEqual([]);
});

test('no default exports, no drawers', () => {
  const exported = product.filter((path) => /^export default /m.test(read(path)));
  expect(exported, 'export by name').toEqual([]);
  const drawers = trackedFiles(/\.ts$/).filter((path) =>
    /^(utils?|helpers?|shared|common|misc)\.ts$/.test(basename(path)),
  );
  expect(drawers, 'name the thing that is in it').toEqual([]);
});

test('a password or key never falls back to another value', () => {
  const guilty = product.filter((path) =>
    /(KEY_RING|PASSWORD|TOKEN|SECRET)['"\]]*\s*(\?\?|\|\|)\s*['"`]/.test(read(path)),
  );
  expect(guilty, 'a missing secret stops the start').toEqual([]);
});

test('nothing tracked names a machine of a developer or a private registry', () => {
  const files = trackedFiles(
    /\.(ts|mts|mjs|cjs|js|json|ya?ml|md|conf|sh|html|css|toml|service|timer|path|nft|cfg|py)$|^\.npmrc$|^\.ci\//,
  );
  expect(files.length, 'no file was found: mend this test').toBeGreaterThan(100);
  // Built from parts, so that this file is not its own finding.
  const machine = new RegExp(['/wo' + 'rk/', '/ho' + 'me/[a-z]', '/Us' + 'ers/[A-Za-z]', '/ro' + 'ot/'].join('|'));
  const registry = /https?:\/\/(?!registry\.npmjs\.org)[^\s'"/]*\b(registry|artifactory|nexus|verdaccio)\b/i;
  const guilty = files.filter((path) => {
    const text = read(path);
    return machine.test(text) || registry.test(text);
  });
  expect(guilty, 'use a path from the root of the checkout, and the public registry').toEqual([]);
  expect(
    files.filter((path) => path.endsWith('pnpm-lock.yaml') && /tarball: /.test(read(path))),
    'write the lockfile without addresses of tarballs (lockfileIncludeTarballUrl: false)',
  ).toEqual([]);
});

test('every package is Apache-2.0, private and of the same version', () => {
  const manifests = trackedFiles(/(^|\/)package\.json$/);
  expect(manifests.length, 'no package was found: mend this test').toBeGreaterThan(8);
  const { version } = JSON.parse(read('package.json')) as { version: string };
  const wrong = manifests.filter((path) => {
    const manifest = JSON.parse(read(path)) as { license?: string; private?: boolean; version?: string };
    return manifest.license !== 'Apache-2.0' || manifest.private !== true || manifest.version !== version;
  });
  expect(wrong, '"license": "Apache-2.0", "private": true and the version of the root').toEqual([]);
  expect(read('LICENSE')).toContain('Apache License');
});

test('dependencies are pinned, so that two installations are the same', () => {
  const loose = trackedFiles(/(^|\/)package\.json$/).flatMap((path) => {
    const manifest = JSON.parse(read(path)) as Record<string, Record<string, string> | undefined>;
    return ['dependencies', 'devDependencies', 'optionalDependencies'].flatMap((kind) =>
      Object.entries(manifest[kind] ?? {})
        .filter(([, wanted]) => !/^(workspace:\*|catalog:.*|\d+\.\d+\.\d+(-[\w.]+)?)$/.test(wanted))
        .map(([name, wanted]) => `${path}: ${name} ${wanted}`),
    );
  });
  expect(loose, 'name one version').toEqual([]);
});

test('only app-server uses pg among the services, and only packages/bus and app-server use NATS', () => {
  const manifests = trackedFiles(/^(services|packages)\/[^/]+\/package\.json$/);
  const users = (name: RegExp) =>
    manifests.filter((path) => {
      const { dependencies = {} } = JSON.parse(read(path)) as { dependencies?: Record<string, string> };
      return Object.keys(dependencies).some((dependency) => name.test(dependency));
    });
  expect(users(/^pg$/), 'edges hold nothing').toEqual(
    users(/^pg$/).filter((path) => /services\/app-server|packages\/(testkit|cli)/.test(path)),
  );
  // jwt speaks to nobody: it writes what others are admitted with.
  const connects = /^@nats-io\/(?!jwt$|nkeys$)/;
  expect(users(connects), 'use @countersign/bus').toEqual(
    users(connects).filter((path) => /services\/app-server|packages\/(bus|testkit)/.test(path)),
  );
  expect(users(/^otplib$/), 'use @countersign/otp').toEqual(['packages/otp/package.json']);
});

function withoutComments(source: string): string {
  return source.replaceAll(/\/\*[\s\S]*?\*\//g, '').replaceAll(/(^|\s)\/\/.*$/gm, '');
}
