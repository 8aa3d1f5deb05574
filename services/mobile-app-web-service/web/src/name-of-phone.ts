const SYSTEMS: readonly [RegExp, string][] = [
  [/iPhone/, 'iPhone'],
  [/iPad/, 'iPad'],
  [/Android/, 'Android'],
  [/Windows/, 'Windows'],
  [/Mac OS X/, 'Mac'],
  [/CrOS/, 'Chromebook'],
  [/Linux/, 'Linux'],
];

/** What this phone may be called before anybody gives it a better name. @param userAgent of the browser. */
export function nameOfPhone(userAgent: string): string {
  const model = /Android [\d.]+; (?!K\))([^;)]{2,40})\)/.exec(userAgent)?.[1]?.trim();
  return model ?? SYSTEMS.find(([pattern]) => pattern.test(userAgent))?.[1] ?? '';
}
