import { readFileSync } from 'node:fs';
import type { RunningProcess } from '@countersign/testkit';
import { createJsonClient } from '../dev/https-json.ts';
import type { Place } from '../dev/machine.ts';
import { startService, type Environment } from '../dev/services.ts';
import type { HaLayout } from './ha-layout.ts';
import type { HaInstallation } from './installation.ts';

/** One of our services, with the settings that founding or joining wrote. */
export interface Joined extends Place {
  service: 'app-server' | 'sdk-gateway' | 'user-portal' | 'mobile-app-web-service' | 'radius-server';
  /** What people add to the settings. */
  more: Environment;
}

export function startJoined(
  layout: HaLayout,
  { environmentOf, certificates }: HaInstallation,
  { service, name, port, machine, more }: Joined,
  onCrash: (name: string, reason: string) => void,
): Promise<RunningProcess> {
  const client = createJsonClient({ ca: readFileSync(certificates.authority, 'utf8'), timeoutMs: 2000 });
  const settings = {
    name,
    main: `services/${service}/src/main.ts`,
    machine,
    environment: {
      ...environmentOf(name, service),
      COUNTERSIGN_HOST: machine.host,
      COUNTERSIGN_PORT: String(port),
      ...more,
    },
    isReady: async () => (await client.send('GET', `https://${machine.host}:${port}/health/ready`)).status === 200,
  };
  return startService(layout, settings, onCrash);
}
