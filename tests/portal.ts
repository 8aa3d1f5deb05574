import { randomBytes } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { directoryCreate, type PolicyDocument } from '@countersign/contracts';
import {
  accepts,
  freePort,
  startProcess,
  startSlapd,
  type RunningProcess,
  type Slapd,
  type SlapdPerson,
} from '@countersign/testkit';
import { chromium, type Browser, type BrowserContext, type Page } from 'playwright-core';
import { fillTemplate } from '../infra/ha/template.ts';
import { startStack, type Stack } from './stack.ts';

/** Where Debian has it. */
const CHROMIUM = '/usr/bin/chromium';

export interface PortalStack {
  stack: Stack;
  slapd: Slapd;
  balancer: RunningProcess;
  /** Where people reach the portals: behind HAProxy, in turns, with no stickiness. */
  url: string;
  browser: Browser;
  people: readonly SlapdPerson[];
  /** A window of somebody: cookies of their own. */
  visit(options?: { language?: string; theme?: 'light' | 'dark'; width?: number; script?: boolean }): Promise<Visit>;
  stop(): Promise<void>;
}

export interface Visit {
  context: BrowserContext;
  page: Page;
}

/** The portal as it runs in production: two replicas behind a balancer, a directory, and a real browser in front. */
export async function startPortalStack(
  people: readonly SlapdPerson[],
  options: {
    policy?: PolicyDocument;
    environment?: Record<string, string>;
    appServerEnvironment?: Record<string, string>;
    /** Of the balancer; a free one unless given. */
    port?: number;
    /** Runs what `pnpm build` made, as production does, instead of the sources. */
    built?: boolean;
  } = {},
): Promise<PortalStack> {
  const port = options.port ?? (await freePort());
  const url = `https://localhost:${port}`;
  const stack = await startStack({
    sdkGateways: 1,
    userPortals: 2,
    portalUrl: url,
    userPortalEnvironment: { COUNTERSIGN_ORGANISATION: 'City Hospital', ...options.environment },
    ...(options.appServerEnvironment !== undefined && { appServerEnvironment: options.appServerEnvironment }),
    ...(options.policy !== undefined && { policy: options.policy }),
    ...(options.built !== undefined && { built: options.built }),
  });
  const closers: (() => Promise<unknown>)[] = [() => stack.stop()];
  const stop = async () => {
    for (const close of closers.toReversed()) await close();
  };
  try {
    const slapd = await directoryFor(stack, people);
    closers.push(() => slapd.kill());
    const balancer = await balancerFor(stack, port);
    closers.push(() => balancer.kill());
    const browser = await chromium.launch({
      executablePath: CHROMIUM,
      args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking'],
    });
    closers.push(() => browser.close());
    return {
      stack,
      slapd,
      balancer,
      url,
      browser,
      people,
      visit: async ({ language = 'en', theme = 'light', width = 1280, script = true } = {}) => {
        const context = await browser.newContext({
          ignoreHTTPSErrors: true,
          locale: language,
          colorScheme: theme,
          viewport: { width, height: 900 },
          javaScriptEnabled: script,
        });
        return { context, page: await context.newPage() };
      },
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function directoryFor(stack: Stack, people: readonly SlapdPerson[]): Promise<Slapd> {
  const { certificatePem, keyPem } = stack.certificate;
  const slapd = await startSlapd({
    dir: join(stack.dir, 'slapd'),
    port: await freePort(),
    certificatePem,
    keyPem,
    people,
    logFile: join(stack.logs, 'slapd.log'),
  });
  await stack.admin(directoryCreate, {
    name: 'Hospital',
    settings: {
      urls: [slapd.url],
      kind: 'ldap',
      authorities: stack.authority.certificatePem,
      baseDn: slapd.baseDn,
      bindDn: slapd.bindDn,
      netbiosNames: ['HOSPITAL'],
      suffixes: ['example.com'],
    },
    bindPassword: slapd.bindPassword,
  });
  // The other replicas read it again every 3 seconds.
  await new Promise((resolve) => setTimeout(resolve, 3300));
  return slapd;
}

/** The configuration that operators use (infra/ha/templates). */
async function balancerFor(stack: Stack, port: number): Promise<RunningProcess> {
  const home = join(stack.dir, `balancer-${randomBytes(3).toString('hex')}`);
  mkdirSync(home);
  const both = join(home, 'both.pem');
  const authority = join(home, 'authority.pem');
  writeFileSync(both, stack.certificate.certificatePem + stack.certificate.keyPem, { mode: 0o600 });
  writeFileSync(authority, stack.authority.certificatePem);
  const servers = stack.portals.map(({ name, url }) => `  server ${name} 127.0.0.1:${new URL(url).port}`);
  const service = fillTemplate('haproxy-service.cfg', {
    SERVICE: 'user-portal',
    HOST: '127.0.0.1',
    PORT: port,
    CERTIFICATE_AND_KEY: both,
    CHECK_HOST: 'localhost',
    AUTHORITY: authority,
    SERVER_CONNECTIONS: 1000,
    REPLICA_PORT: 0,
    SERVERS: servers.map((line) => `${line} verifyhost localhost sni str(localhost)`).join('\n'),
  });
  const file = join(home, 'haproxy.cfg');
  writeFileSync(
    file,
    fillTemplate('haproxy.cfg', { CONNECTIONS: 8192, STATS_SOCKET: join(home, 'stats'), SERVICES: service }),
  );
  return startProcess({
    name: 'balancer',
    command: '/usr/sbin/haproxy',
    args: ['-W', '-db', '-f', file],
    logFile: join(stack.logs, 'balancer.log'),
    readyWhen: () => accepts(port),
    stopSignal: 'SIGUSR1',
  });
}
