import type { Connection } from './connection.ts';
import type { PatroniSettings } from './settings.ts';
import type { Terminal } from './terminal/terminal.ts';

/** What a command works with. */
export interface Session {
  /** Connects when first asked for. */
  connection(): Promise<Connection>;
  terminal: Terminal;
  /** Where the settings come from, without reading them twice. */
  settingsSource(): string;
  /** Undefined where the settings name no Patroni. */
  patroni(): PatroniSettings | undefined;
  json: boolean;
  /** `--yes` was given. */
  yes: boolean;
  /** ms since the epoch. */
  now: () => number;
  /** Ends when the person presses Ctrl-C. */
  signal: AbortSignal;
}
