import type { Carrier } from './carrier.ts';
import { timedStatus, twilioStatus, type CallbackSettings } from './callback.ts';
import type { ExchangeLimits } from './exchange.ts';
import { createHttpCarrier } from './http.ts';

const PROXY_STATUSES = [502, 504];

export interface TwilioSettings {
  accountSid: string;
  /** Of the account: signs the delivery reports, and sends when there is no API key. */
  authToken: string;
  apiKey?: { sid: string; secret: string };
  /** A number in E.164, a sender name, or the SID of a messaging service (`MG…`). */
  from: string;
  url?: string;
  statusCallbackUrl?: string;
}

/** The Messages resource of Twilio, and of those who speak its protocol. @see https://www.twilio.com/docs/messaging/api */
export function createTwilioCarrier(name: string, settings: TwilioSettings, limits: ExchangeLimits): Carrier {
  const { accountSid, authToken, apiKey, from, url = 'https://api.twilio.com', statusCallbackUrl } = settings;
  const user = apiKey === undefined ? accountSid : apiKey.sid;
  const password = apiKey === undefined ? authToken : apiKey.secret;
  return createHttpCarrier({
    name,
    method: 'POST',
    url: `${url.replace(/\/$/, '')}/2010-04-01/Accounts/${encodeURIComponent(accountSid)}/Messages.json`,
    headers: { authorization: 'Basic {{secret.basic}}' },
    body: {
      form: {
        To: '{{to}}',
        Body: '{{text}}',
        ValidityPeriod: '{{lifeSeconds}}',
        [/^MG[0-9a-f]{32}$/i.test(from) ? 'MessagingServiceSid' : 'From']: from,
        ...(statusCallbackUrl !== undefined && { StatusCallback: `${statusCallbackUrl}?reference={{reference}}` }),
      },
    },
    secrets: { basic: Buffer.from(`${user}:${password}`).toString('base64') },
    success: {},
    providerIdPath: 'sid',
    reasonPath: 'code',
    unknownStatuses: PROXY_STATUSES,
    limits,
    ...(statusCallbackUrl !== undefined && { readStatus: twilioStatus({ url: statusCallbackUrl, secret: authToken }) }),
  });
}

export interface GenericSettings {
  url: string;
  token?: string;
  from?: string;
  callback?: CallbackSettings;
}

/** A plain JSON gateway: what to build when the choice is yours. */
export function createGenericCarrier(name: string, settings: GenericSettings, limits: ExchangeLimits): Carrier {
  const { url, token, from, callback } = settings;
  return createHttpCarrier({
    name,
    method: 'POST',
    url,
    headers: {
      'idempotency-key': '{{idempotencyKey}}',
      ...(token !== undefined && { authorization: 'Bearer {{secret.token}}' }),
    },
    body: {
      json: {
        to: '{{to}}',
        text: '{{text}}',
        reference: '{{reference}}',
        lifeSeconds: '{{lifeSeconds}}',
        ...(from !== undefined && { from }),
        ...(callback !== undefined && { statusUrl: callback.url }),
      },
    },
    secrets: token === undefined ? {} : { token },
    success: {},
    providerIdPath: 'id',
    reasonPath: 'code',
    unknownStatuses: PROXY_STATUSES,
    limits,
    ...(callback !== undefined && { readStatus: timedStatus(callback) }),
  });
}
