import type { Carrier, DeliveryStatus, StatusReport } from './carrier.ts';
import { isTimedSignature, isTwilioSignature } from './signature.ts';
import { valueAt } from './template.ts';

/** Where a carrier sends its delivery reports. */
export interface CallbackSettings {
  /** The public address that we gave the carrier, without a query. */
  url: string;
  secret: string;
}

/** Words of the common gateways and of Twilio, in our vocabulary. */
const STATUS_WORDS: Readonly<Record<string, DeliveryStatus>> = {
  accepted: 'queued',
  scheduled: 'queued',
  queued: 'queued',
  sending: 'queued',
  pending: 'queued',
  sent: 'sent',
  submitted: 'sent',
  delivered: 'delivered',
  delivrd: 'delivered',
  read: 'delivered',
  undelivered: 'undelivered',
  undeliv: 'undelivered',
  expired: 'undelivered',
  failed: 'failed',
  rejected: 'failed',
  rejectd: 'failed',
  canceled: 'failed',
};

function statusOf(word: string | undefined): DeliveryStatus {
  const key = (word ?? '').toLowerCase();
  return Object.hasOwn(STATUS_WORDS, key) ? (STATUS_WORDS[key] ?? 'other') : 'other';
}

/** Twilio's form, signed by its account (TEL-13). Our reference comes back in the query we gave it. */
export function twilioStatus({ url, secret }: CallbackSettings): NonNullable<Carrier['readStatus']> {
  return ({ path, headers, body }) => {
    const address = publicAddress(url, path);
    const isForm = (headers['content-type'] ?? '').toLowerCase().startsWith('application/x-www-form-urlencoded');
    if (!isTwilioSignature(headers['x-twilio-signature'], secret, address, body, isForm)) return undefined;
    const field = isForm ? new URLSearchParams(body.toString('utf8')) : new URLSearchParams();
    return report(
      field.get('MessageStatus') ?? field.get('SmsStatus') ?? undefined,
      field.get('MessageSid') ?? field.get('SmsSid') ?? undefined,
      new URL(address).searchParams.get('reference') ?? undefined,
    );
  };
}

/** `{"id"?, "reference"?, "status"}` with `X-Countersign-Timestamp` and `X-Countersign-Signature`. */
export function timedStatus({ url, secret }: CallbackSettings): NonNullable<Carrier['readStatus']> {
  return ({ path, headers, body }, now) => {
    const address = publicAddress(url, path);
    const signed = {
      signature: headers['x-countersign-signature'],
      timestamp: headers['x-countersign-timestamp'],
    };
    if (!isTimedSignature(signed, secret, address, body, now)) return undefined;
    const document = parseJson(body.toString('utf8'));
    return report(valueAt(document, 'status'), valueAt(document, 'id'), valueAt(document, 'reference'));
  };
}

function report(word: string | undefined, providerId: string | undefined, reference: string | undefined): StatusReport {
  return {
    status: statusOf(word),
    ...(providerId !== undefined && { providerId: providerId.slice(0, 128) }),
    ...(reference !== undefined && { reference: reference.slice(0, 128) }),
  };
}

/** The address as the carrier knows it: ours, whatever a proxy made of the path, with the query that came. */
function publicAddress(url: string, path: string): string {
  const query = path.indexOf('?');
  return query === -1 ? url : `${url}${path.slice(query)}`;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
