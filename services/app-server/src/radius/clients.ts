import { createHash } from 'node:crypto';
import type { RadiusClientSettings } from '@countersign/contracts';
import { keepReading } from '../database/keep-reading.ts';
import type { Router } from '../database/router.ts';
import { SealBroken, type KeyRing } from '../keys/ring.ts';
import { effectiveSettings, type EffectiveSettings } from '../radius-client/effective.ts';
import { clientSecretAt, readClients, settingsOf, type RadiusClientRow } from '../radius-client/store.ts';

const REFRESH_MS = 2000;

/** A client as logins need it: settings joined with the profile, secret opened. */
export interface EffectiveClient extends EffectiveSettings {
  clientId: string;
  name: string;
  version: number;
  settings: RadiusClientSettings;
  secret: Buffer;
}

/** The RADIUS clients, from memory: read again every few seconds, and kept while Postgres is away. */
export class RadiusClients {
  readonly #router: Router;
  readonly #ring: KeyRing;
  readonly #onProblem: (error: unknown) => void;
  #byId = new Map<string, EffectiveClient>();
  #unopened: readonly string[] = [];
  #version = '';
  #stop: (() => void) | undefined;

  constructor(router: Router, ring: KeyRing, onProblem: (error: unknown) => void) {
    this.#router = router;
    this.#ring = ring;
    this.#onProblem = onProblem;
  }

  /** Reads once, then keeps reading. @throws MfaError UNAVAILABLE when no node answers the first time. */
  async start(): Promise<void> {
    await this.refresh();
    this.#stop = keepReading(() => this.refresh(), { pauseMs: REFRESH_MS, onProblem: this.#onProblem });
  }

  stop(): void {
    this.#stop?.();
  }

  /** In the order of their names. */
  all(): EffectiveClient[] {
    return [...this.#byId.values()];
  }

  get(clientId: string): EffectiveClient | undefined {
    return this.#byId.get(clientId);
  }

  /** Another one whenever anything of any client is another; the same on every replica that has read the same. */
  version(): string {
    return this.#version;
  }

  /** Names of those whose secret no key opens: nobody can talk to them. */
  unopened(): readonly string[] {
    return this.#unopened;
  }

  async refresh(from?: 'primary'): Promise<void> {
    const rows = await readClients(this.#router, from);
    const [byId, unopened]: [Map<string, EffectiveClient>, string[]] = [new Map(), []];
    for (const row of rows) {
      const client = this.#opened(row);
      if (client === undefined) unopened.push(row.name);
      else byId.set(row.client_id, client);
    }
    [this.#byId, this.#unopened] = [byId, unopened];
    this.#version = versionOf([...byId.values()]);
  }

  /** @returns undefined when no key opens its secret: that holds up no other client (INV-17). */
  #opened(row: RadiusClientRow): EffectiveClient | undefined {
    const { client_id: clientId, name, version, secret_sealed: sealed } = row;
    try {
      const secret = this.#ring.open(sealed, clientSecretAt(clientId));
      const settings = settingsOf(row);
      return { clientId, name, version, settings, secret, ...effectiveSettings(settings, row.learnt_at !== null) };
    } catch (error) {
      if (!(error instanceof SealBroken)) throw error;
      this.#onProblem(error);
      return undefined;
    }
  }
}

/** Without the secrets: each of them comes with a version of its own. */
function versionOf(clients: readonly EffectiveClient[]): string {
  const parts = clients.map(({ secret: _, ...client }) => client);
  return createHash('sha256').update(JSON.stringify(parts)).digest('base64url');
}
