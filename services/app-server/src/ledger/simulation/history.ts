import type { ErrorCode } from '@countersign/contracts';

export type OperationName = 'start' | 'verify' | 'cancel' | 'resend' | 'get' | 'admin';

/** What a caller asked. */
export interface Asked {
  operation: OperationName;
  attemptId: string;
  userId: string;
  applicationId: string;
  challengeId?: string;
  code?: string;
  sentAt: number;
}

/** What a caller heard. Only this counts: what a replica decided and told nobody let nobody in. */
export interface Heard {
  asked: Asked;
  at: number;
  replica: string;
  answer: Answer;
}

export type Answer =
  | { type: 'allow'; challengeId: string; method: string }
  | { type: 'state'; challengeId: string; state: string }
  | { type: 'done' }
  | { type: 'refused'; code: ErrorCode; reason: string | undefined };

/** What happened in one schedule, in the order of virtual time, as far as somebody outside can see it. */
export class History {
  readonly heard: Heard[] = [];
  /** Codes that were sent by SMS, in the order in which they came. */
  readonly sent: { at: number; userId: string; challengeId: string; code: string }[] = [];
  /** The same, in the order in which they were handed to the carrier. */
  readonly handed: { challengeId: string; code: string }[] = [];
  readonly #lines: string[] = [];
  readonly #startedAt: number;
  readonly #now: () => number;
  readonly #isTraced: boolean;

  constructor(now: () => number, isTraced: boolean) {
    this.#now = now;
    this.#startedAt = now();
    this.#isTraced = isTraced;
  }

  note(line: () => string): void {
    if (!this.#isTraced) return;
    const seconds = ((this.#now() - this.#startedAt) / 1000).toFixed(3).padStart(8);
    this.#lines.push(`${seconds} ${line()}`);
  }

  trace(): string {
    return this.#lines.join('\n');
  }
}
