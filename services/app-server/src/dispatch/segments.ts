/** How many SMS a text costs. @see 3GPP TS 23.038 section 6.2.1 (alphabet), TS 23.040 section 9.2.3.24.1 (concatenation) */
export interface SegmentCount {
  alphabet: 'gsm7' | 'ucs2';
  /** Septets or UTF-16 units, as the alphabet counts. */
  units: number;
  segments: number;
}

const BASIC = new Set(
  '@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !"#¤%&\'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà',
);
/** Two septets each: an escape comes before. */
const EXTENDED = new Set('\f^{}\\[~]|€');

/** One text alone, and each part of a longer one (the rest goes to the concatenation header). */
const ROOM = { gsm7: { single: 160, part: 153 }, ucs2: { single: 70, part: 67 } } as const;

/** One character outside the alphabet turns the whole text to UCS-2 (TEL-03). */
export function isGsm7(text: string): boolean {
  for (const character of text) if (!BASIC.has(character) && !EXTENDED.has(character)) return false;
  return true;
}

export function countSegments(text: string): SegmentCount {
  const alphabet = isGsm7(text) ? 'gsm7' : 'ucs2';
  const width = alphabet === 'gsm7' ? septetsOf : (character: string) => character.length;
  const widths = Array.from(text, width);
  const units = widths.reduce((sum, wide) => sum + wide, 0);
  const room = ROOM[alphabet];
  return { alphabet, units, segments: units <= room.single ? 1 : countParts(widths, room.part) };
}

function septetsOf(character: string): number {
  return EXTENDED.has(character) ? 2 : 1;
}

/** Neither an escape pair nor a surrogate pair is split between two parts. */
function countParts(widths: readonly number[], room: number): number {
  let parts = 1;
  let used = 0;
  for (const width of widths) {
    if (used + width > room) {
      parts += 1;
      used = 0;
    }
    used += width;
  }
  return parts;
}

/** Letters that Unicode does not decompose, and the typographic signs that word processors put into names. */
const PLAIN: Record<string, string> = {
  ł: 'l',
  Ł: 'L',
  đ: 'd',
  Đ: 'D',
  ı: 'i',
  œ: 'oe',
  Œ: 'OE',
  '\u2018': "'",
  '\u2019': "'",
  '\u201c': '"',
  '\u201d': '"',
  '\u201e': '"',
  '«': '"',
  '»': '"',
  '\u2013': '-',
  '\u2014': '-',
  '\u2026': '...',
};

/** The name without the marks that the alphabet lacks, or as it was when it is of another script. */
export function toGsm7(name: string): string {
  const plain = Array.from(name, (character) => {
    if (isGsm7(character)) return character;
    return PLAIN[character] ?? character.normalize('NFD').replaceAll(/\p{Mn}/gu, '');
  }).join('');
  return isGsm7(plain) ? plain : name;
}
