import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import {
  call,
  callEach,
  connectBus,
  credentialFromApiKey,
  greetServers,
  type Bus,
  type EachAnswer,
  type NatsGreeting,
} from '@countersign/bus';
import type { InputOf, Operation, OutputOf } from '@countersign/contracts';
import { CommandError } from './failure.ts';
import { withoutCredentials, type CliSettings } from './settings.ts';

/** What the own connection to NATS looks like, for `doctor`. */
export interface NatsView {
  server: string;
  version: string;
  jetstream: boolean;
  /** One question and answer, ms. */
  roundTripMs: number;
}

export interface Connection {
  /** @throws MfaError */
  ask: <O extends Operation>(operation: O, input: InputOf<O>) => Promise<OutputOf<O>>;
  /** Every replica's own answer. */
  askEach: <O extends Operation>(operation: O, input: InputOf<O>) => Promise<EachAnswer<OutputOf<O>>[]>;
  nats: () => Promise<NatsView>;
  /** Each NATS server of the settings by itself. */
  natsServers: () => Promise<NatsGreeting[]>;
  /** Names what was asked last in the logs of app-server. */
  lastAttemptId: () => string | undefined;
  close: () => Promise<void>;
}

/** A person waits: longer than NATS takes to elect a leader, shorter than patience. */
const DEADLINE_MS = 12_000;
const CONNECT_WITHIN_MS = 5000;

/**
 * @throws CommandError when the key has not the form of one, NATS refuses the user, or nobody answers within 5 s.
 */
export async function openConnection(settings: CliSettings): Promise<Connection> {
  const credential = credentialFromApiKey(settings.adminKey);
  if (credential === undefined) {
    throw new CommandError(
      'SETTINGS_INVALID',
      'settings',
      `The API key from ${settings.source} does not have the form of one (csk_…).`,
      'Set COUNTERSIGN_ADMIN_KEY to the key as it was shown when it was made.',
    );
  }
  const bus = await connect(settings);
  let attemptId: string | undefined;
  const options = ({ scope }: Operation) => ({
    attemptId: (attemptId = randomUUID()),
    // Whoever answers what needs no credential must not hear one: edges could go on to use it.
    ...(scope !== 'none' && { credential }),
    deadlineMs: DEADLINE_MS,
  });
  return {
    ask: async (operation, input) => (await call(bus, operation, input, options(operation))).output,
    askEach: (operation, input) => callEach(bus, operation, input, options(operation)),
    nats: () => look(bus),
    natsServers: () => greetServers(settings.servers),
    lastAttemptId: () => attemptId,
    close: () => bus.drain(),
  };
}

async function connect(settings: CliSettings): Promise<Bus> {
  const { servers, user, password, credentialsFile, authorities } = settings;
  const connecting = connectBus({
    servers,
    ...(user !== undefined && { user }),
    ...(password !== undefined && { password }),
    ...(credentialsFile !== undefined && { credentialsFile }),
    ...(authorities !== undefined && { authorities }),
    name: 'countersign command line',
  }).catch((cause: unknown) => {
    throw new CommandError(
      'NATS_REFUSED',
      'credential',
      credentialsFile === undefined
        ? `NATS refuses the user${user === undefined ? '' : ` ${user}`} or the password from ${settings.source}.`
        : `NATS refuses the credentials in ${credentialsFile}, or they cannot be read.`,
      credentialsFile === undefined
        ? 'Check COUNTERSIGN_NATS_USER and COUNTERSIGN_NATS_PASSWORD against infra/nats.'
        : 'They were revoked or have expired: join this machine again. Or the file cannot be read by you.',
      { cause },
    );
  });
  const bus = await Promise.race([connecting, delay(CONNECT_WITHIN_MS, undefined, { ref: false })]);
  if (bus !== undefined) return bus;
  // The bus goes on trying; whoever started it ends the process.
  void connecting.then((late) => late.drain()).catch(() => undefined);
  throw new CommandError(
    'NATS_UNREACHABLE',
    'tryAgain',
    `NATS does not answer at ${servers.map(withoutCredentials).join(', ')} (from ${settings.source}).`,
    'Check that nats-server runs and that this machine may reach it. For the development stack: npm start',
  );
}

async function look(bus: Bus): Promise<NatsView> {
  const { info } = bus.nats;
  return {
    server: info?.server_name ?? 'unknown',
    version: info?.version ?? 'unknown',
    jetstream: info?.jetstream ?? false,
    roundTripMs: await bus.nats.rtt(),
  };
}
