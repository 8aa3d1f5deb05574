import type { RadiusPorts } from './layout.ts';
import { readJson, writePrivateJson } from './private-file.ts';

export interface DevUser {
  username: string;
  /** Of the directory. */
  password: string;
  /** E.164. */
  phone: string;
  /** Base32; SHA-1, 6 digits, 30 seconds. */
  totpSecret: string;
  userId: string;
}

/** Where one takes RADIUS, as `radclient` wants it: `127.0.0.1:8500`. */
export interface RadiusAddresses {
  authentication: string;
  accounting: string;
  /** Over TLS, with a certificate of our authority. */
  radsec: string;
}

export function radiusAddresses(
  { authentication, accounting, radsec }: Omit<RadiusPorts, 'status'>,
  host = '127.0.0.1',
): RadiusAddresses {
  return {
    authentication: `${host}:${authentication}`,
    accounting: `${host}:${accounting}`,
    radsec: `localhost:${radsec}`,
  };
}

/** `.countersign/dev.json`: where the running stack is and how to get in, for scripts and tests. */
export interface DevFile {
  sdkGateways: string[];
  /** Of the production topology: balancers in front of the gateways. */
  balancers?: string[];
  /** Of the production topology: the same balancers, in front of app-servers. */
  adminBalancers?: string[];
  userPortals: string[];
  mobileServices: string[];
  radiusServers: RadiusAddresses[];
  /** The demo RADIUS client: whoever asks from this machine. */
  radiusClient?: { name: string; secret: string };
  adminApis: string[];
  inbox: string;
  /** Path of the authority's certificate. */
  ca: string;
  /** Of `application`. */
  apiKey: string;
  /** Name of the demo application. */
  application: string;
  applicationId: string;
  /** API key with the scope `admin`. */
  adminKey: string;
  users: DevUser[];
  /** Whom the directory knows, and who has not enrolled. Nobody without a directory. */
  newcomers: { username: string; password: string }[];
  postgres: { primary: string; standby: string };
  /** As a user who may do anything, for looking at streams. Of the production topology the bare addresses, comma-separated. */
  nats: string;
  /** Path of the authority of the NATS servers, where they speak TLS. */
  natsCa?: string;
  /** Passwords of the NATS users of the services and of the command line. */
  natsUsers: Record<string, string>;
  /** Of the production topology, in their place: credentials files of the command line, and of whoever looks at streams. */
  natsCredentials?: { admin: string; observer: string };
  processes: Record<string, number>;
}

export function writeDevFile(path: string, content: DevFile): void {
  writePrivateJson(path, content);
}

/** @throws Error with what to do when no stack was started. */
export function readDevFile(path: string): DevFile {
  const content = readJson(path) as DevFile | undefined;
  if (content === undefined) throw new Error(`There is no ${path}. Start the stack first: npm start`);
  return content;
}
