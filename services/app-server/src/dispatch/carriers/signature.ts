import { createHash, createHmac, timingSafeEqual } from 'node:crypto';

/** A signed report is taken this long before and after the moment it names; within it a repeat changes nothing. */
const SIGNATURE_TOLERANCE_SECONDS = 300;

/**
 * Twilio's signature: HMAC-SHA1 over the public address and, for a form, every parameter by name; for any other body its
 * SHA-256 stands in the address as `bodySHA256`. The address is the configured one: a Host header is an attacker's word (R28).
 * @param address with the query exactly as received, byte for byte.
 * @see https://www.twilio.com/docs/usage/security#validating-requests (TEL-13)
 */
export function isTwilioSignature(
  signature: string | undefined,
  authToken: string,
  address: string,
  body: Buffer,
  isForm: boolean,
): boolean {
  if (signature === undefined) return false;
  const bodyHash = new URL(address).searchParams.get('bodySHA256');
  if (bodyHash !== null && !isSame(bodyHash, createHash('sha256').update(body).digest('hex'))) return false;
  if (bodyHash === null && !isForm && body.length > 0) return false;
  const parameters = bodyHash === null ? formText(body) : '';
  return addressesOf(address).some((text) =>
    isSame(
      signature,
      createHmac('sha1', authToken)
        .update(text + parameters)
        .digest('base64'),
    ),
  );
}

/** Names in order, each followed by its values in order, each value once, with nothing between them. */
function formText(body: Buffer): string {
  const form = new URLSearchParams(body.toString('utf8'));
  return [...new Set(form.keys())]
    .toSorted()
    .map((name) => name + [...new Set(form.getAll(name))].toSorted().join(''))
    .join('');
}

/** Twilio names the usual port in some of its products and leaves it out in others. */
function addressesOf(address: string): string[] {
  const [, scheme, host, rest] = /^(https?):\/\/([^/?#]+)(.*)$/.exec(address) ?? [];
  if (scheme === undefined || host === undefined || /:[0-9]+$/.test(host)) return [address];
  return [address, `${scheme}://${host}:${scheme === 'https' ? 443 : 80}${rest ?? ''}`];
}

/**
 * The generic signature: `HMAC-SHA256(secret, "<timestamp>\n<address>\n<body>")`, hex, with the time in seconds beside it.
 * @param now milliseconds.
 */
export function isTimedSignature(
  { signature, timestamp }: { signature: string | undefined; timestamp: string | undefined },
  secret: string,
  address: string,
  body: Buffer,
  now: number,
): boolean {
  if (signature === undefined || timestamp === undefined || !/^[0-9]{1,12}$/.test(timestamp)) return false;
  if (Math.abs(now / 1000 - Number(timestamp)) > SIGNATURE_TOLERANCE_SECONDS) return false;
  return isSame(signature, signTimed(secret, timestamp, address, body));
}

export function signTimed(secret: string, timestamp: string, address: string, body: Buffer): string {
  return createHmac('sha256', secret).update(`${timestamp}\n${address}\n`).update(body).digest('hex');
}

function isSame(given: string, right: string): boolean {
  const a = createHash('sha256').update(given).digest();
  const b = createHash('sha256').update(right).digest();
  return timingSafeEqual(a, b);
}
