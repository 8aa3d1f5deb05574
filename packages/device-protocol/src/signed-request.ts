import { base64url } from 'jose';
import { parseDictionary, serializeDictionary, type InnerList, type Item, type Parameters } from 'structured-headers';
import { contentDigest, matchesDigest } from './content-digest.ts';
import { ES256, THUMBPRINT_PATTERN } from './device-key.ts';
import { signatureBase, type Component } from './signature-base.ts';

/** The profile: another tag is another protocol, and no signature of one counts in the other. */
const TAG = 'mfa-device-v1';
/** As IANA registers ECDSA over P-256 with SHA-256 for HTTP signatures. */
const ALGORITHM = 'ecdsa-p256-sha256';
const LABEL = 'device';
const PARAMETERS = ['created', 'expires', 'nonce', 'keyid', 'alg', 'tag'] as const;
const WITHOUT_BODY = ['@method', '@authority', '@path', '@query'];
const WITH_BODY = [...WITHOUT_BODY, 'content-digest'];

export const MAX_LIFETIME_SECONDS = 60;
/** How far the clocks of phone and server may be apart, either way. */
export const CLOCK_WINDOW_SECONDS = 60;
/** How long nonces are remembered: past that, a copy of a request is too old to be taken. */
export const NONCE_KEPT_SECONDS = 300;
/** Base64url of 12 to 32 bytes. */
const NONCE_PATTERN = /^[\w-]{16,43}$/;
const SIGNATURE_BYTES = 64;
const MAX_HEADER_CHARACTERS = 600;

/** A request as both sides see it, whatever a balancer made of it underway. */
export interface DeviceRequest {
  /** Upper case. */
  readonly method: string;
  /** The public name under which the phone reaches the service, lower case, with a port only when it is not 443. Never the Host header. */
  readonly authority: string;
  /** Absolute, as sent. */
  readonly path: string;
  /** With its question mark; `?` when there is none (RFC 9421 section 2.2.7). */
  readonly query: string;
  /** An empty one counts as none: then there is no `Content-Digest` either. */
  readonly body?: Uint8Array<ArrayBuffer> | undefined;
}

export interface SignatureHeaders {
  readonly 'signature-input': string;
  readonly signature: string;
  readonly 'content-digest'?: string | undefined;
}

/** What a request says of its signature. Nothing of it is proven before `verifyRequest` has said so. */
export interface RequestSignature {
  /** Thumbprint of the device key. */
  readonly keyId: string;
  /** Base64url of 12 to 32 random bytes; never twice with one key. */
  readonly nonce: string;
  /** Seconds since 1970, by the clock of the phone with the correction it knows. */
  readonly createdAt: number;
  readonly expiresAt: number;
  readonly covered: InnerList;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

export interface SigningOptions {
  readonly privateKey: CryptoKey;
  readonly keyId: string;
  /** Seconds since 1970. */
  readonly createdAt: number;
  readonly nonce: string;
}

/** The headers that make a request one of this device. */
export async function signRequest(request: DeviceRequest, options: SigningOptions): Promise<SignatureHeaders> {
  const body = bodyOf(request);
  const digest = body === undefined ? undefined : await contentDigest(body);
  const parameters: Parameters = new Map<string, string | number>([
    ['created', options.createdAt],
    ['expires', options.createdAt + MAX_LIFETIME_SECONDS],
    ['nonce', options.nonce],
    ['keyid', options.keyId],
    ['alg', ALGORITHM],
    ['tag', TAG],
  ]);
  const names = digest === undefined ? WITHOUT_BODY : WITH_BODY;
  const covered: InnerList = [names.map((name): Item => [name, new Map()]), parameters];
  const base = signatureBase(covered, componentsOf(request, digest));
  if (base === undefined) throw new TypeError('a component of the request contains a line break');
  const bytes = await crypto.subtle.sign(ES256, options.privateKey, new TextEncoder().encode(base));
  return {
    'signature-input': serializeDictionary(new Map([[LABEL, covered]])),
    signature: serializeDictionary(new Map([[LABEL, [bytes, new Map()] satisfies Item]])),
    ...(digest !== undefined && { 'content-digest': digest }),
  };
}

/**
 * Reads the headers by the rules of the profile. Undefined for everything else: another tag or algorithm, a component more or less, a
 * second signature, a lifetime beyond 60 s, a header longer than 600 characters, another spelling than the serialization of RFC 9651. Never
 * throws.
 */
export function parseSignature(headers: SignatureHeaders, hasBody: boolean): RequestSignature | undefined {
  if (headers['signature-input'].length > MAX_HEADER_CHARACTERS) return undefined;
  if (headers.signature.length > MAX_HEADER_CHARACTERS) return undefined;
  try {
    const [label, covered] = onlyMember(headers['signature-input']);
    const [signed, value] = onlyMember(headers.signature);
    if (label !== signed || !isInnerList(covered) || isInnerList(value)) return undefined;
    const [bytes] = value;
    if (!(bytes instanceof ArrayBuffer) || bytes.byteLength !== SIGNATURE_BYTES) return undefined;
    if (!coversExactly(covered, hasBody ? WITH_BODY : WITHOUT_BODY)) return undefined;
    const parameters = readParameters(covered[1]);
    return parameters === undefined ? undefined : { ...parameters, covered, bytes: new Uint8Array(bytes) };
  } catch {
    return undefined;
  }
}

/** Whether the clocks agree well enough, and the request is not used up. */
export function isFresh(
  { createdAt, expiresAt }: Pick<RequestSignature, 'createdAt' | 'expiresAt'>,
  nowSeconds: number,
) {
  return Math.abs(nowSeconds - createdAt) <= CLOCK_WINDOW_SECONDS && nowSeconds <= expiresAt;
}

type Bytes = Uint8Array<ArrayBuffer>;

/** What is computed of a request. A server that reads many has both at hand without a way to another thread and back. */
export interface RequestCryptography {
  readonly sha256?: (bytes: Bytes) => Uint8Array;
  /** Whether these 64 bytes are the signature (ES256) of the key in question over that text. */
  readonly verify: (signature: Bytes, text: Bytes) => boolean | Promise<boolean>;
}

/**
 * Whether the key signed exactly this request, body included. It says nothing of freshness (`isFresh`) nor of replay: whoever asks has to
 * claim the nonce as well, for `NONCE_KEPT_SECONDS`.
 * @param key for WebCrypto, or what computes in its place.
 */
export async function verifyRequest(
  request: DeviceRequest,
  signature: RequestSignature,
  digest: string | undefined,
  key: CryptoKey | RequestCryptography,
): Promise<boolean> {
  const { sha256, verify } = 'verify' in key ? key : webCryptographyOf(key);
  const body = bodyOf(request);
  if ((body === undefined) !== (digest === undefined)) return false;
  if (body !== undefined && !(await matchesDigest(digest ?? '', body, sha256))) return false;
  const base = signatureBase(signature.covered, componentsOf(request, digest));
  if (base === undefined) return false;
  return verify(signature.bytes, new TextEncoder().encode(base));
}

function webCryptographyOf(key: CryptoKey): RequestCryptography {
  return { verify: (signature, text) => crypto.subtle.verify(ES256, key, signature, text) };
}

function bodyOf({ body }: DeviceRequest): Uint8Array<ArrayBuffer> | undefined {
  return body === undefined || body.length === 0 ? undefined : body;
}

function componentsOf(request: DeviceRequest, digest: string | undefined): Component[] {
  return [
    ['@method', request.method],
    ['@authority', request.authority],
    ['@path', request.path],
    ['@query', request.query],
    ...(digest === undefined ? [] : [['content-digest', digest] as const]),
  ];
}

/** Of names that come twice the last one counts for some readers, the first for others: there is one way to write it. */
function onlyMember(header: string): [string, Item | InnerList] {
  const dictionary = parseDictionary(header);
  const [first, ...others] = dictionary;
  const isPlain = serializeDictionary(dictionary) === header;
  if (first === undefined || others.length > 0 || !isPlain) throw new TypeError('one signature, and no other');
  return first;
}

function isInnerList(member: Item | InnerList): member is InnerList {
  return Array.isArray(member[0]);
}

function coversExactly(covered: InnerList, names: readonly string[]): boolean {
  return (
    covered[0].length === names.length &&
    covered[0].every(([name, { size }], index) => name === names[index] && size === 0)
  );
}

function readParameters(parameters: Parameters): Omit<RequestSignature, 'covered' | 'bytes'> | undefined {
  if (parameters.size !== PARAMETERS.length) return undefined;
  const [createdAt, expiresAt, nonce, keyId, algorithm, tag] = PARAMETERS.map((name) => parameters.get(name));
  if (algorithm !== ALGORITHM || tag !== TAG) return undefined;
  if (!isSeconds(createdAt) || !isSeconds(expiresAt)) return undefined;
  if (expiresAt <= createdAt || expiresAt - createdAt > MAX_LIFETIME_SECONDS) return undefined;
  if (typeof keyId !== 'string' || !THUMBPRINT_PATTERN.test(keyId)) return undefined;
  if (typeof nonce !== 'string' || !isNonce(nonce)) return undefined;
  return { createdAt, expiresAt, nonce, keyId };
}

function isSeconds(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

/** One spelling of each: two spellings of the same bytes would be two nonces. */
function isNonce(text: string): boolean {
  return NONCE_PATTERN.test(text) && base64url.encode(base64url.decode(text)) === text;
}
