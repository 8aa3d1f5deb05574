import type { Policy } from '@countersign/contracts';
import type { KeyRing } from '../keys/ring.ts';
import type { MessageLimits } from './budget.ts';
import { textFor } from './texts.ts';

/** How a code leaves the house. */
export type Channel = 'sms';

/** One code, or one notice, for one person, as the use case hands it over. */
export interface Message {
  /** `<challengeId>:<n>`. The same id is sent once, however often it is handed over within a quarter of an hour. */
  messageId: string;
  channel: Channel;
  /** E.164. Left out for a decoy: it goes the same way and is thrown away at the last step. */
  phone?: string;
  /** Empty in a notice. */
  code: string;
  /** Name of the application. */
  application: string;
  language: string;
  originHost: string | null;
  texts: Policy['texts'];
  /** Of a notice: said in the place of what `texts` would say. */
  text?: string;
  /** Names, first choice first; empty: all that are configured. */
  carriers: readonly string[];
  /** Budgets that an automatic resend is taken from. The first send has been reserved before it was handed over. */
  limits: MessageLimits;
  /** When the code stops being good, ms since the epoch. */
  expiresAt: number;
  userId: string;
  /** Left out of a notice: nothing but its age makes it unwanted. */
  challengeId?: string;
}

/** The same as it waits in the queue: with the one text that it needs. */
export type Job = Omit<Message, 'texts' | 'language' | 'text'> & { text: string };

/** Jobs are padded to a multiple of this, so that their length tells neither a decoy nor a code apart. */
const PADDING_BYTES = 512;

/**
 * Codes and numbers are never readable in NATS (KEY-10). The id is bound in: a job cannot be passed off as another.
 */
export function sealJob(ring: Pick<KeyRing, 'seal'>, message: Message): string {
  const { messageId, texts, language, text = textFor(language, texts), limits, ...rest } = message;
  const { prefixes, perNumberHour, perNumberDay, perPrefixHour, perDay } = limits;
  const job = {
    v: 1,
    ...rest,
    limits: { prefixes, perNumberHour, perNumberDay, perPrefixHour, perDay },
    text,
  };
  const plain = Buffer.from(JSON.stringify(job));
  const padded = Buffer.alloc(Math.ceil(plain.length / PADDING_BYTES) * PADDING_BYTES, ' ');
  plain.copy(padded);
  return ring.seal(padded, boundTo(messageId));
}

/**
 * @throws SealBroken when this process does not have the key, or the job is not the one that was sealed under this id; Error
 * when a newer build sealed it in a form that this one does not know. Neither says that another replica cannot read it.
 */
export function openJob(ring: Pick<KeyRing, 'open'>, messageId: string, sealed: string): Job {
  const { v, ...job } = JSON.parse(Buffer.from(ring.open(sealed, boundTo(messageId))).toString('utf8')) as {
    v: unknown;
  };
  if (v !== 1) throw new Error('The job was sealed by a newer build.');
  return { ...(job as Omit<Job, 'messageId'>), messageId };
}

function boundTo(messageId: string): string {
  return `message:${messageId}`;
}
