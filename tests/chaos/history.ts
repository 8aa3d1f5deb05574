import { createWriteStream, type WriteStream } from 'node:fs';

/** One try of one request, as the caller saw it. Times are ms since the run began, by a clock that never goes back. */
export interface Exchange {
  login: number;
  what: 'start' | 'verify' | 'wait' | 'replay' | 'admin';
  at: number;
  ms: number;
  /** 1, or 2 for the one repeat that a caller makes. */
  attempt: number;
  via: string;
  /** HTTP status; 0 when no answer came. */
  status: number;
  code?: string;
  /** Who answered, from the answer's header. */
  replica?: string;
}

/** One login from its due time to its end. */
export interface Login {
  login: number;
  kind: 'sms' | 'totp' | 'wait';
  userId: string;
  dueAt: number;
  ms: number;
  isIn: boolean;
  challengeId?: string;
  /** The code that let in. */
  accepted?: string;
  /** Why not. */
  reason?: string;
}

/** A code that had let in, sent again. */
export interface Replay {
  login: number;
  at: number;
  userId: string;
  challengeId: string;
  /** Of the challenge it was sent to, which for TOTP is another one. */
  sentTo: string;
  code: string;
  isIn: boolean;
}

/** A change of an administrator. */
export interface AdminWrite {
  at: number;
  ms: number;
  username: string;
  /** Of the user that was made; undefined when it was refused. */
  userId?: string;
  status: number;
}

/** What a caller outside saw, in memory for the table and in a file for whoever looks closer. */
export class History {
  readonly logins: Login[] = [];
  readonly replays: Replay[] = [];
  readonly writes: AdminWrite[] = [];
  readonly #file: WriteStream;

  constructor(path: string) {
    this.#file = createWriteStream(path);
  }

  exchange(exchange: Exchange): void {
    this.#line('exchange', exchange);
  }

  login(login: Login): void {
    this.logins.push(login);
    this.#line('login', login);
  }

  replay(replay: Replay): void {
    this.replays.push(replay);
    this.#line('replay', replay);
  }

  write(write: AdminWrite): void {
    this.writes.push(write);
    this.#line('write', write);
  }

  mark(name: string, at: number): void {
    this.#line('mark', { name, at });
  }

  close(): Promise<void> {
    return new Promise((resolve) => this.#file.end(resolve));
  }

  #line(kind: string, content: object): void {
    this.#file.write(`${JSON.stringify({ record: kind, ...content })}\n`);
  }
}
