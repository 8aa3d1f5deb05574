import type { Connection } from './connection.ts';
import type { Terminal } from './terminal/terminal.ts';

/** What a command works with. */
export interface Session {
  /** Connects when first asked for. */
  connection(): Promise<Connection>;
  terminal: Terminal;
  /** Where the settings come from, without reading them twice. */
  settingsSource(): string;
  json: boolean;
  /** `--yes` was given. */
  yes: boolean;
  /** ms since the epoch. */
  now: () => number;
  /** Ends when the person presses Ctrl-C. */
  signal: AbortSignal;
}
