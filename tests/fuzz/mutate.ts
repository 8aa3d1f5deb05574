import type { Random } from './random.ts';

/** Just inside and just outside what lengths and types may be, and the types with a meaning of their own. */
const TELLING_OCTETS = [0, 1, 2, 3, 17, 18, 19, 20, 26, 79, 80, 127, 128, 253, 254, 255];
const TELLING_LENGTHS = [0, 1, 19, 20, 21, 38, 255, 256, 4095, 4096, 4097, 65_535];
const MAX_OCTETS = 5000;

type Mutation = (octets: Buffer, random: Random, others: readonly Buffer[]) => Buffer;

const MUTATIONS: readonly Mutation[] = [
  function flipBit(octets, random) {
    return withOctet(octets, random.below(octets.length), (octet) => octet ^ (1 << random.below(8)));
  },
  function tellingOctet(octets, random) {
    return withOctet(octets, random.below(octets.length), () => random.pick(TELLING_OCTETS));
  },
  function lieAboutPacket(octets, random) {
    const changed = Buffer.from(octets);
    if (changed.length >= 4) changed.writeUInt16BE(random.pick([...TELLING_LENGTHS, random.below(65_536)]), 2);
    return changed;
  },
  function lieAboutAttribute(octets, random) {
    const places = attributePlaces(octets);
    if (places.length === 0) return octets;
    return withOctet(octets, random.pick(places) + 1, (length) =>
      random.pick([...TELLING_OCTETS, length + 1, length - 1, random.below(256)]),
    );
  },
  function anotherType(octets, random) {
    const places = attributePlaces(octets);
    return places.length === 0
      ? octets
      : withOctet(octets, random.pick(places), () => random.pick([...TELLING_OCTETS, random.below(256)]));
  },
  function truncate(octets, random) {
    return octets.subarray(0, random.below(octets.length + 1));
  },
  function truncateTruly(octets, random) {
    return withTrueLength(octets.subarray(0, random.below(octets.length + 1)));
  },
  function pad(octets, random) {
    return Buffer.concat([octets, random.octets(random.below(64))]);
  },
  function splice(octets, random, others) {
    const other = random.pick(others);
    return Buffer.concat([
      octets.subarray(0, random.below(octets.length + 1)),
      other.subarray(random.below(other.length + 1)),
    ]);
  },
  function addAttributes(octets, random, others) {
    const other = random.pick(others);
    const places = attributePlaces(other);
    return withTrueLength(Buffer.concat([octets, other.subarray(places.length === 0 ? 20 : random.pick(places))]));
  },
  function repeat(octets, random) {
    const [from, to] = [random.below(octets.length + 1), random.below(octets.length + 1)].toSorted((a, b) => a - b);
    const piece = octets.subarray(from, to);
    return withTrueLength(Buffer.concat([octets, ...Array.from({ length: 1 + random.below(8) }, () => piece)]));
  },
  function cutOut(octets, random) {
    const [from, to] = [random.below(octets.length + 1), random.below(octets.length + 1)].toSorted((a, b) => a - b);
    return withTrueLength(Buffer.concat([octets.subarray(0, from), octets.subarray(to)]));
  },
  function noise(octets, random) {
    const changed = Buffer.from(octets);
    random.octets(random.below(40)).copy(changed, random.below(octets.length));
    return changed;
  },
];

/** One of the packets, changed one to five times. At most 5000 octets. */
export function mutate(octets: Buffer, random: Random, others: readonly Buffer[]): Buffer {
  let changed = octets;
  for (let times = 1 + random.below(5); times > 0; times -= 1) {
    // There is nothing to change in nothing.
    if (changed.length === 0) changed = random.octets(1 + random.below(64));
    changed = random.pick(MUTATIONS)(changed, random, others).subarray(0, MAX_OCTETS);
  }
  return changed;
}

/** Where attributes start, as far as their lengths can be followed. */
function attributePlaces(octets: Buffer): number[] {
  const places: number[] = [];
  for (let at = 20; at + 1 < octets.length; at += Math.max(2, octets[at + 1] ?? 2)) places.push(at);
  return places;
}

function withOctet(octets: Buffer, at: number, change: (octet: number) => number): Buffer {
  const changed = Buffer.from(octets);
  if (at < changed.length) changed[at] = change(changed[at] ?? 0);
  return changed;
}

function withTrueLength(octets: Buffer): Buffer {
  const changed = Buffer.from(octets);
  if (changed.length >= 4) changed.writeUInt16BE(Math.min(changed.length, 65_535), 2);
  return changed;
}
