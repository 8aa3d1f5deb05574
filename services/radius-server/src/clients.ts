import { MfaError, type InputOf, type OutputOf, type RadiusClient, type radiusClients } from '@countersign/contracts';
import type { Logger } from '@countersign/telemetry';
import { clientTable, type ClientTable } from './client-table.ts';

/** The RADIUS clients as app-server has them, asked for again and again, and kept while nobody answers. */
export interface Clients {
  /** Undefined until app-server has answered once: before that nobody is known, and nobody a stranger. */
  readonly table: ClientTable | undefined;
  /** Asks once, and goes on to ask. */
  start(): void;
  stop(): void;
  /** Whether app-server answers: it did lately, or does so now. */
  isAnswered(): Promise<boolean>;
  /** How long ago it answered last, ms. */
  readonly ageMs: number | undefined;
  /** This client is to sign its requests from now on (RAD-32), whatever the list says until it has heard of it. */
  learn(clientId: string): void;
  /** app-server knows that it is to. */
  confirmLearnt(clientIds: readonly string[]): void;
}

export interface ClientsOptions {
  /** @throws MfaError */
  ask: (input: InputOf<typeof radiusClients>, deadlineMs: number) => Promise<OutputOf<typeof radiusClients>>;
  /** Whether there is anything to ask by. Without it an answer of a moment ago says nothing. */
  isConnected: () => boolean;
  logger: Logger;
  /** ms of uptime. */
  uptime: () => number;
}

const EVERY_MS = 2000;
/** RAD-70: an answer that is older than this says nothing about now. */
const LATELY_MS = 5000;
const DEADLINE_MS = 2000;
/** Every app-server has heard by then of what one of them was told. A list that still says `auto` means that somebody has put it back. */
const LEARNT_EVERYWHERE_MS = 10_000;

export function createClients({ ask, isConnected, logger, uptime }: ClientsOptions): Clients {
  let list: RadiusClient[] = [];
  let version: string | undefined;
  let table: ClientTable | undefined;
  let answeredAt: number | undefined;
  let asking: Promise<void> | undefined;
  let timer: NodeJS.Timeout | undefined;
  let trouble: string | undefined;
  /** With the time when app-server was told, once it was. */
  const learnt = new Map<string, number | undefined>();

  function refresh(): Promise<void> {
    asking ??= askNow().finally(() => {
      asking = undefined;
    });
    return asking;
  }

  async function askNow(): Promise<void> {
    const askedAt = uptime();
    try {
      const answer = await ask(version === undefined ? {} : { version }, DEADLINE_MS);
      answeredAt = uptime();
      if (answer.clients !== undefined) take(answer.clients, answer.version, askedAt);
      if (trouble !== undefined)
        logger.info('radius.clients', { count: list.length, detail: 'app-server answers again.' });
      trouble = undefined;
    } catch (error) {
      const code = error instanceof MfaError ? error.code : 'INTERNAL';
      if (code !== trouble) {
        logger.warn('radius.clients', { error, count: list.length, detail: 'The clients as they were are kept.' });
      }
      trouble = code;
    }
  }

  function take(clients: RadiusClient[], newVersion: string, askedAt: number): void {
    list = clients;
    version = newVersion;
    const auto = new Set(clients.filter(isLearning).map(({ clientId }) => clientId));
    for (const [clientId, toldAt] of learnt) {
      const isPutBack = toldAt !== undefined && askedAt - toldAt > LEARNT_EVERYWHERE_MS;
      if (!auto.has(clientId) || isPutBack) learnt.delete(clientId);
    }
    build();
  }

  function build(): void {
    table = clientTable(
      list.map((client) =>
        isLearning(client) && learnt.has(client.clientId)
          ? { ...client, requireMessageAuthenticator: 'yes' as const }
          : client,
      ),
    );
  }

  return {
    get table() {
      return table;
    },
    get ageMs() {
      return answeredAt === undefined ? undefined : uptime() - answeredAt;
    },
    start: () => {
      timer = setInterval(() => void refresh(), EVERY_MS);
      void refresh();
    },
    stop: () => clearInterval(timer),
    isAnswered: async () => {
      const isLately = () => isConnected() && answeredAt !== undefined && uptime() - answeredAt <= LATELY_MS;
      if (!isLately()) await refresh();
      return isLately();
    },
    learn: (clientId) => {
      learnt.set(clientId, undefined);
      build();
    },
    confirmLearnt: (clientIds) => {
      for (const clientId of clientIds) if (learnt.has(clientId)) learnt.set(clientId, uptime());
    },
  };
}

function isLearning({ requireMessageAuthenticator }: RadiusClient): boolean {
  return requireMessageAuthenticator === 'auto';
}
