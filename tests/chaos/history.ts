import { createWriteStream, type WriteStream } from 'node:fs';

/** One try of one request, as the caller saw it. Times are ms since the run began, by a clock that never goes back. */
export interface Exchange {
  login: number;
  what: 'start' | 'verify' | 'wait' | 'replay' | 'admin' | 'canary';
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
  number: number;
  at: number;
  ms: number;
  username: string;
  /** Of the user that was made; undefined when it was refused. */
  userId?: string;
  status: number;
}

/** Said before the first request of a login or change: one whose end is missing was forgotten, not refused. */
export interface Begun {
  what: 'login' | 'write';
  number: number;
}

/** Moments of the run; ENDED is the last line of a whole history. */
export interface Mark {
  name: string;
  at: number;
}

export const INJECTED = 'injected';
export const LOAD_ENDED = 'load ended';
export const ENDED = 'ended';

/** Writes down what a caller outside saw, as it happens. The checker reads it. */
export class History {
  readonly #file: WriteStream;

  constructor(path: string) {
    this.#file = createWriteStream(path);
  }

  begun(begun: Begun): void {
    this.#line('begun', begun);
  }

  exchange(exchange: Exchange): void {
    this.#line('exchange', exchange);
  }

  login(login: Login): void {
    this.#line('login', login);
  }

  replay(replay: Replay): void {
    this.#line('replay', replay);
  }

  write(write: AdminWrite): void {
    this.#line('write', write);
  }

  mark(name: string, at: number): void {
    this.#line('mark', { name, at });
  }

  close(at: number): Promise<void> {
    this.mark(ENDED, at);
    return new Promise((resolve) => this.#file.end(resolve));
  }

  #line(kind: string, content: object): void {
    this.#file.write(`${JSON.stringify({ record: kind, ...content })}\n`);
  }
}
