export interface OutgoingMessage {
  /** E.164. */
  to: string;
  text: string;
  /** Ours, opaque: comes back with the delivery status where a carrier allows it. The same for a message's resend. */
  reference: string;
  /** How long the message is worth delivering. Always above 0. */
  lifeSeconds: number;
  /** The same for a message's resend, so that a carrier that looks at it sends one text. */
  idempotencyKey: string;
}

/**
 * What became of one try (TEL-10).
 * `refused` is a definite no: nothing was sent and the next carrier may be asked. `retriable` says whether the reason lies with
 * the carrier and may pass, or with the message.
 * `unknown` is everything else: the text may be on its way, so nobody else is asked.
 */
export type SendOutcome =
  | { outcome: 'accepted'; providerId?: string }
  | { outcome: 'refused'; retriable: boolean; reason: string }
  | { outcome: 'unknown'; reason: string };

/** What carriers say of a message they took, in one vocabulary. Never proof of anything (TEL-20). */
const DELIVERY_STATUSES = ['queued', 'sent', 'delivered', 'undelivered', 'failed', 'other'] as const;
export type DeliveryStatus = (typeof DELIVERY_STATUSES)[number];

interface StatusCallback {
  /** Path and query as received. */
  path: string;
  /** Names in lower case. */
  headers: Readonly<Record<string, string>>;
  body: Buffer;
}

export interface StatusReport {
  status: DeliveryStatus;
  providerId?: string;
  reference?: string;
}

export interface Carrier {
  readonly name: string;
  /**
   * Tries once, within the carrier's own time limits. Never throws: whatever it does not understand is `unknown`.
   * Reasons are short words for logs and audit; they hold nothing of the message.
   */
  send(message: OutgoingMessage): Promise<SendOutcome>;
  /** What the carrier reports, or undefined when the report is not proved to come from it. */
  readonly readStatus?: (callback: StatusCallback, now: number) => StatusReport | undefined;
}
