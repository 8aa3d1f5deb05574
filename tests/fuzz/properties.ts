import type * as radius from '@countersign/radius';
import type { Attribute, Packet, Version } from '@countersign/radius';
import type { Seed } from './corpus.ts';
import type { Random } from './random.ts';

export type Codec = typeof radius;

/** Says what does not hold. */
class Broken extends Error {}

function hold(isSo: boolean, what: string): asserts isSo {
  if (!isSo) throw new Broken(what);
}

/** What the packets that are known to be right prove, so that nothing else may prove it. */
export class Proven {
  readonly #signed = new Set<string>();
  readonly #exact = new Set<string>();

  constructor(seeds: readonly Seed[]) {
    for (const { octets, secret } of seeds) {
      this.#signed.add(keyOf(secret, covered(octets)));
      this.#exact.add(keyOf(secret, octets));
    }
  }

  hasSigned(secret: Buffer, octets: Buffer): boolean {
    return this.#signed.has(keyOf(secret, covered(octets)));
  }

  has(secret: Buffer, octets: Buffer): boolean {
    return this.#exact.has(keyOf(secret, octets));
  }
}

const ACCOUNTING_REQUEST = 4;
const PADDING = Buffer.from([80, 18, 0, 255, 26, 2]);

/** What a Message-Authenticator proves: in an Accounting-Request the authenticator is not part of it. */
function covered(octets: Buffer): Buffer {
  return octets[0] === ACCOUNTING_REQUEST ? Buffer.from(octets).fill(0, 4, 20) : octets;
}

function keyOf(secret: Buffer, octets: Buffer): string {
  return `${secret.toString('hex')}/${octets.toString('hex')}`;
}

/** Everything that is promised of whatever comes from the network. @throws Error when something does not hold. */
export function checkInput(codec: Codec, input: Buffer, seed: Seed, proven: Proven, random: Random): void {
  checkStream(codec, input);
  for (const version of ['1.0', '1.1'] as const) {
    const packet = checkReading(codec, input, version, random);
    if (packet === undefined) continue;
    checkVendors(codec, packet);
    for (const { value } of packet.attributes) checkText(codec, value);
    if (version === '1.1') continue;
    checkProofs(codec, packet, seed, proven);
    checkEncoding(codec, packet, seed);
    for (const value of codec.attributesOf(packet, codec.ATTRIBUTE.userPassword)) {
      checkPassword(codec, value, seed.secret, packet.authenticator);
    }
  }
  checkPassword(codec, input.subarray(0, 16 * random.below(10)), seed.secret, seed.requestAuthenticator);
  checkKey(codec, input.subarray(0, 2 + 16 * random.below(17)), seed);
  checkText(codec, input);
  checkDictionary(codec, input, random);
}

function checkStream(codec: Codec, input: Buffer): void {
  const length = codec.nextPacketLength(input);
  if (length === undefined) hold(input.length < 4, 'four octets tell a length');
  else if (typeof length === 'number') hold(length >= 20 && length <= 4096, 'a packet has 20 to 4096 octets');
  else hold(codec.MALFORMED.includes(length.malformed), 'what is malformed has a name');
}

function checkReading(codec: Codec, input: Buffer, version: Version, random: Random): Packet | undefined {
  const read = codec.readPacket(input, version);
  const around = random.below(256);
  const memory = Buffer.alloc(input.length + 512, around);
  input.copy(memory, 256);
  const again = codec.readPacket(memory.subarray(256, 256 + input.length), version);
  if ('malformed' in read) {
    hold(codec.MALFORMED.includes(read.malformed), 'what is malformed has a name');
    hold('malformed' in again && again.malformed === read.malformed, 'what lies around is not read');
    return undefined;
  }
  hold(!('malformed' in again), 'what lies around is not read');
  hold(isSame(read, again), 'what lies around is not read');
  const { octets, attributes } = read;
  hold(octets.length >= 20 && octets.length <= 4096, 'a packet has 20 to 4096 octets');
  hold(
    octets.length === octets.readUInt16BE(2) && octets.equals(input.subarray(0, octets.length)),
    'octets are those received',
  );
  hold(attributes.length <= 200, 'a packet has at most 200 attributes');
  hold(read.authenticator.length === 16, 'an authenticator has 16 octets');
  let at = 20;
  for (const { type, value } of attributes) {
    hold(type === octets[at] && type > 0, 'the type is that of the attribute');
    hold(
      value.length + 2 === octets[at + 1] && value.equals(octets.subarray(at + 2, at + 2 + value.length)),
      'the value is that of the attribute',
    );
    at += 2 + value.length;
  }
  hold(at === octets.length, 'the attributes fill the packet');
  const padded = codec.readPacket(Buffer.concat([octets, PADDING]), version);
  hold(!('malformed' in padded) && isSame(read, padded), 'padding is not read');
  return read;
}

function isSame(one: Packet, other: Packet): boolean {
  return (
    one.code === other.code &&
    one.id === other.id &&
    one.octets.equals(other.octets) &&
    one.authenticator.equals(other.authenticator) &&
    haveSame(one.attributes, other.attributes)
  );
}

function haveSame(some: readonly Attribute[], others: readonly Attribute[]): boolean {
  return (
    some.length === others.length &&
    some.every(({ type, value }, place) => type === others[place]?.type && value.equals(others[place].value))
  );
}

function checkProofs(codec: Codec, packet: Packet, seed: Seed, proven: Proven): void {
  const { secret, requestAuthenticator } = seed;
  if (codec.messageAuthenticatorOf(packet, secret) === 'right') {
    hold(proven.hasSigned(secret, packet.octets), 'only what was signed has a right Message-Authenticator');
  }
  const given = { requestAuthenticator, secret, requireMessageAuthenticator: false };
  if (codec.checkReply(packet, given) === 'right') {
    hold(proven.has(secret, packet.octets), 'only a reply that was made is right');
  }
  if (codec.checkReply(packet, { ...given, requireMessageAuthenticator: true }) === 'right') {
    hold(proven.has(secret, packet.octets), 'only a reply that was made is right');
    hold(
      codec.attributesOf(packet, 80).length === 1,
      'a reply that is right has the Message-Authenticator that is required',
    );
  }
  if (codec.isAccountingRequestOf(packet, secret)) {
    hold(proven.has(secret, packet.octets), 'only an Accounting-Request that was made is right');
  }
}

function checkEncoding(codec: Codec, packet: Packet, { secret }: Seed): void {
  const attributes = packet.attributes.filter(({ type }) => type !== codec.ATTRIBUTE.messageAuthenticator);
  const length = attributes.reduce((sum, { value }) => sum + 2 + value.length, 38);
  // One more makes 201, which are not read.
  if (length > 4096 || attributes.length > 199) return;
  const reply = { code: codec.CODE.accessAccept, attributes };
  const octets = codec.encodeReply(reply, packet, { secret, version: '1.0' });
  hold(
    octets.equals(codec.encodeReply(reply, packet, { secret, version: '1.0' })),
    'the same reply is the same octets',
  );
  hold(octets[20] === 80, 'Message-Authenticator is first');
  const read = codec.readPacket(octets, '1.0');
  hold(!('malformed' in read), 'what is encoded is read again');
  hold(haveSame(read.attributes.slice(1), attributes), 'what is encoded is read again');
  const given = { requestAuthenticator: packet.authenticator, secret, requireMessageAuthenticator: true };
  hold(codec.checkReply(read, given) === 'right', 'a reply of ours is right');
}

function checkVendors(codec: Codec, packet: Packet): void {
  const specific = codec.attributesOf(packet, codec.ATTRIBUTE.vendorSpecific);
  for (const attribute of packet.attributes) codec.nameOf(attribute);
  for (const value of specific) {
    if (value.length < 4) continue;
    const vendor = value.readUInt32BE(0);
    const found = codec.vendorAttributesOf({ attributes: [{ type: 26, value }] }, vendor);
    const length = found.reduce((sum, one) => sum + 2 + one.value.length, 0);
    hold(length === 0 || length === value.length - 4, "a vendor's attributes fill theirs, or there are none");
    const written = found.map((one) => Buffer.concat([Buffer.of(one.type, 2 + one.value.length), one.value]));
    hold(
      length === 0 || Buffer.concat(written).equals(value.subarray(4)),
      "a vendor's attributes are what stands there",
    );
    if (vendor === 0 || vendor >= 2 ** 24) continue;
    for (const one of found) {
      const again = codec.vendorAttributesOf({ attributes: [codec.vendorAttribute({ vendor, ...one })] }, vendor);
      hold(haveSame(again, [one]), "a vendor's attribute that is written is read again");
    }
  }
}

function checkPassword(codec: Codec, hidden: Buffer, secret: Buffer, authenticator: Buffer): void {
  const password = codec.revealPassword(hidden, secret, authenticator);
  const isHidden = hidden.length >= 16 && hidden.length <= 128 && hidden.length % 16 === 0;
  hold((password !== undefined) === isHidden, 'a password is hidden in 16 to 128 octets');
  if (password === undefined || password.length === 0) return;
  hold(password.at(-1) !== 0, 'a password does not end with NULs');
  const again = codec.hidePassword(password, secret, authenticator);
  hold(again.equals(hidden.subarray(0, again.length)), 'a password is hidden as it was');
}

function checkKey(codec: Codec, value: Buffer, { secret, requestAuthenticator }: Seed): void {
  const key = codec.revealKey(value, secret, requestAuthenticator);
  if (key === undefined) return;
  hold(key.length >= 1 && key.length <= 239 && key.length < value.length - 2, 'a key has 1 to 239 octets');
  const hidden = codec.hideKey(key, value.subarray(0, 2), secret, requestAuthenticator);
  hold(codec.revealKey(hidden, secret, requestAuthenticator)?.equals(key) === true, 'a key is hidden as it was');
}

function checkText(codec: Codec, octets: Buffer): void {
  const text = codec.readText(octets);
  hold(text === undefined || Buffer.from(text).equals(octets), 'a text is what was sent');
  hold(codec.readText(octets, 'iso-8859-1') !== undefined, 'every octet is a character of ISO-8859-1');
  const legacy = codec.readText(octets, 'windows-1252');
  if (legacy === undefined) return;
  const pieces = codec.textAttributes(codec.ATTRIBUTE.replyMessage, legacy).map(({ value }) => value);
  hold(
    pieces.every((piece) => piece.length > 0 && piece.length <= 253),
    'a piece of a text has 1 to 253 octets',
  );
  hold(pieces.map((piece) => codec.readText(piece)).join('') === legacy, 'a text is cut between code points');
}

function checkDictionary(codec: Codec, input: Buffer, random: Random): void {
  const text = input.subarray(0, random.below(300)).toString('latin1');
  const { name } = random.pick(codec.DICTIONARY);
  for (const [called, value] of [
    [name, text],
    [`${name}:${random.below(40)}`, String(random.below(2 ** 32))],
    [text, text],
  ] as const) {
    const attribute = attributeOf(codec, called, value);
    if (attribute !== undefined) hold(attribute.value.length <= 253, 'an attribute has at most 253 octets');
  }
}

function attributeOf(codec: Codec, name: string, value: string): Attribute | undefined {
  try {
    return codec.attributeFrom(name, value);
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}
