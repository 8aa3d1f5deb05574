import type { Carrier } from './carrier.ts';
import type { ExchangeLimits } from './exchange.ts';
import { createHttpCarrier } from './http.ts';

/**
 * The development inbox: the message appears on its page instead of on a phone.
 * @param url where it takes messages, for example `http://localhost:8900/api/messages`.
 */
export function createInboxCarrier(
  name: string,
  { url, token }: { url: string; token: string },
  limits: ExchangeLimits,
): Carrier {
  return createHttpCarrier({
    name,
    method: 'POST',
    url,
    headers: { authorization: 'Bearer {{secret.token}}', 'idempotency-key': '{{idempotencyKey}}' },
    body: { json: { channel: 'sms', to: '{{to}}', text: '{{text}}', reference: '{{reference}}' } },
    secrets: { token },
    success: {},
    providerIdPath: 'id',
    unknownStatuses: [],
    limits,
  });
}
