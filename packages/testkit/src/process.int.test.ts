import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, readlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { descendantsOf, isAlive, processRow } from './process-table.ts';
import { startProcess, type ProcessOptions, type RunningProcess } from './process.ts';
import { waitUntil } from './wait-until.ts';

const started: RunningProcess[] = [];
afterEach(async () => {
  await Promise.all(started.splice(0).map((running) => running.kill()));
});

async function launch(script: string, options: Partial<ProcessOptions> = {}): Promise<RunningProcess> {
  const running = await startProcess({ name: 'child', command: process.execPath, args: ['-e', script], ...options });
  started.push(running);
  return running;
}

test('a child that ends before it is ready is reported with its reason and its last words', async () => {
  const start = launch('console.error("no such file: x"); process.exit(3)', { readyWhen: () => false });
  await expect(start).rejects.toThrow(/ended before it was ready \(exit code 3\)[^]*no such file: x/);
});

test('a child that is never ready is stopped', async () => {
  let pid = 0;
  const start = launch('setInterval(() => {}, 1000); console.log(process.pid)', {
    readyTimeoutMs: 300,
    logFile: join(mkdtempSync(join(tmpdir(), 'testkit-')), 'child.log'),
    readyWhen: () => false,
  });
  const failure = await start.catch((error: unknown) => error as Error);
  pid = Number(/(\d+)\s*$/.exec(failure instanceof Error ? failure.message : '')?.[1]);
  expect(pid).toBeGreaterThan(1);
  expect(isAlive(pid)).toBe(false);
});

test('stop asks with SIGTERM first, and kills by pid when the child does not go', async () => {
  const polite = await launch(
    'process.on("SIGTERM", () => { console.log("bye"); process.exit(0); }); setInterval(() => {}, 1000); console.log("up")',
    { readyWhen: () => readFileSync(log('polite'), 'utf8').includes('up'), logFile: log('polite') },
  );
  await polite.stop();
  expect(polite.tail()).toContain('bye');

  const deaf = await launch('process.on("SIGTERM", () => {}); setInterval(() => {}, 1000); console.log("up")', {
    readyWhen: () => readFileSync(log('deaf'), 'utf8').includes('up'),
    logFile: log('deaf'),
    stopTimeoutMs: 200,
  });
  const { pid } = deaf;
  await deaf.stop();
  expect(isAlive(pid)).toBe(false);
  expect(deaf.running).toBe(false);
});

test('kill takes the children along, pause stops them all', async () => {
  const family = await launch(
    `require('node:child_process').spawn(process.execPath, ['-e', 'setInterval(() => {}, 50)']); setInterval(() => {}, 50)`,
  );
  await waitUntil(() => descendantsOf(family.pid).length === 1);
  const pids = [family.pid, ...descendantsOf(family.pid)];
  family.pause();
  await waitUntil(() => pids.every((pid) => processRow(pid)?.state === 'T'));
  family.resume();
  await waitUntil(() => pids.every((pid) => processRow(pid)?.state !== 'T'));
  await family.kill();
  expect(pids.filter(isAlive)).toEqual([]);
});

test('a crash is reported, an end that was asked for is not', async () => {
  const crashes: string[] = [];
  const onCrash = (reason: string) => crashes.push(reason);
  const fragile = await launch('setInterval(() => {}, 1000)', { onCrash });
  process.kill(fragile.pid, 'SIGKILL');
  await waitUntil(() => !fragile.running);
  expect(crashes).toEqual(['signal SIGKILL']);
  await fragile.start();
  await fragile.restart();
  await fragile.stop();
  await fragile.start();
  await fragile.kill();
  expect(crashes).toHaveLength(1);
});

test.each(['SIGKILL', 'SIGINT', 'SIGTERM'] as const)('a child does not outlive a parent that gets %s', async (how) => {
  const script = `
    import { startProcess } from ${JSON.stringify(new URL('process.ts', import.meta.url).href)};
    const child = await startProcess({ name: 'x', command: process.execPath, args: ['-e', 'setInterval(() => {}, 1000)'] });
    console.log(child.pid);
    setInterval(() => {}, 1000);`;
  const parent = spawn(process.execPath, ['--input-type=module', '-e', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const pid = Number(await new Promise((resolve) => parent.stdout.once('data', resolve)));
  expect(isAlive(pid)).toBe(true);
  parent.kill(how);
  await waitUntil(() => !isAlive(pid));
});

const logs = mkdtempSync(join(tmpdir(), 'testkit-'));
function log(name: string): string {
  return join(logs, `${name}.log`);
}

const canMakeNamespaces = process.getuid?.() === 0 && existsSync('/sbin/ip');

test.runIf(canMakeNamespaces)(
  'in a network namespace (skipped without /sbin/ip, and for whoever is not root) a child keeps its pid, and another network',
  async () => {
    const networkNamespace = `testkit-${process.pid}`;
    const networkOf = (pid: number | 'self') => readlinkSync(`/proc/${pid}/ns/net`);
    spawnSync('/sbin/ip', ['netns', 'add', networkNamespace]);
    try {
      const running = await launch('setInterval(() => {}, 1000)', { networkNamespace });
      await waitUntil(() => readlinkSync(`/proc/${running.pid}/exe`) === process.execPath);
      expect(networkOf(running.pid)).not.toBe(networkOf('self'));
      await running.kill();
      const nowhere = launch('', { networkNamespace: `${networkNamespace}-missing`, readyWhen: () => false });
      await expect(nowhere).rejects.toThrow(/Cannot open network namespace/);
    } finally {
      spawnSync('/sbin/ip', ['netns', 'del', networkNamespace]);
    }
  },
);
