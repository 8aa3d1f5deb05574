import { serializeInnerList, type InnerList } from 'structured-headers';

/** A component that is covered, and its value: `"@method": POST` is a line of the base. */
export type Component = readonly [name: string, value: string];

/**
 * What is signed for an HTTP message: a line for each covered component, in the order of the signature's own list, then that list.
 * Undefined when a covered component is not there, or its value would break the lines.
 * @param covered as parsed of `Signature-Input`. Components with parameters are not supported.
 * @see RFC 9421 section 2.5
 */
export function signatureBase(covered: InnerList, components: readonly Component[]): string | undefined {
  const lines: string[] = [];
  const seen = new Set<string>();
  for (const [name, parameters] of covered[0]) {
    if (typeof name !== 'string' || parameters.size > 0 || seen.has(name)) return undefined;
    seen.add(name);
    const value = components.find(([one]) => one === name)?.[1];
    if (value === undefined || /[\r\n]/.test(value)) return undefined;
    lines.push(`"${name}": ${value}`);
  }
  return [...lines, `"@signature-params": ${serializeInnerList(covered)}`].join('\n');
}
