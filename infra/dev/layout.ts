import { join, resolve } from 'node:path';

/** The checkout this file lies in. */
export const CHECKOUT = join(import.meta.dirname, '..', '..');

/** Where one radius-server listens. */
export interface RadiusPorts {
  /** HTTPS, for health and metrics. */
  status: number;
  /** UDP. */
  authentication: number;
  /** UDP. */
  accounting: number;
  /** TLS. */
  radsec: number;
}

/** Where the development stack keeps everything, and where it listens: see docs/architecture.md. */
export interface Layout {
  /** `.countersign` in the checkout. */
  dir: string;
  logs: string;
  devFile: string;
  ports: {
    appServers: number[];
    sdkGateways: number[];
    userPortals: number[];
    mobileServices: number[];
    radiusServers: RadiusPorts[];
    inbox: number;
    /** LDAPS. */
    directory: number;
    postgresPrimary: number;
    postgresStandby: number;
    nats: number;
  };
}

/** In `dir`: all of the production topology, which runs in place of the development stack. */
export const HA_FOLDER = 'ha';

const FIRST_PORT = 8100;

/**
 * @param environment COUNTERSIGN_DEV_DIR and COUNTERSIGN_DEV_FIRST_PORT (8100 unless given) move the stack elsewhere, so that a
 * second one can run beside the first.
 */
export function layout(environment: Readonly<Record<string, string | undefined>>): Layout {
  const dir = resolve(CHECKOUT, environment['COUNTERSIGN_DEV_DIR'] ?? '.countersign');
  const first = Number(environment['COUNTERSIGN_DEV_FIRST_PORT'] ?? FIRST_PORT);
  if (!Number.isInteger(first) || first < 1024 || first > 64_000) {
    throw new RangeError('COUNTERSIGN_DEV_FIRST_PORT must be a port from 1024 to 64000');
  }
  const port = (usual: number) => usual - FIRST_PORT + first;
  return {
    dir,
    logs: join(dir, 'logs'),
    devFile: join(dir, 'dev.json'),
    ports: {
      appServers: [port(8100), port(8101)],
      sdkGateways: [port(8200), port(8201)],
      userPortals: [port(8300), port(8301)],
      mobileServices: [port(8400), port(8401)],
      radiusServers: [0, 1].map((index) => ({
        status: port(8650 + index),
        authentication: port(8500 + index),
        accounting: port(8510 + index),
        radsec: port(8520 + index),
      })),
      inbox: port(8900),
      postgresPrimary: port(8910),
      postgresStandby: port(8911),
      nats: port(8920),
      directory: port(8960),
    },
  };
}
