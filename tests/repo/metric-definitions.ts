import { read, trackedFiles } from './tracked-files.ts';

export interface DefinedMetric {
  name: string;
  type: 'counter' | 'gauge' | 'histogram';
  labels: string[];
  path: string;
}

const PRODUCT = /^(services|packages)\/(?!testkit\/).*\/src\/.*\.ts$/;
const PROOF = /\.(test|fixture)\.ts$|\/(testing|simulation)\//;
const DEFINITION = /(?:const (\w+)[^=;]*= )?\{\s*name: '(countersign_\w+)',\s*help:\s*'(?:[^'\\]|\\.)*',([^}]*)\}/g;

/** Every metric that the product declares, read from its sources. */
export function definedMetrics(): DefinedMetric[] {
  const sources = trackedFiles(PRODUCT)
    .filter((path) => !PROOF.test(path))
    .map((path) => ({ path, text: read(path) }));
  const all = sources.map(({ text }) => text).join('\n');
  return sources.flatMap(({ path, text }) =>
    [...text.matchAll(DEFINITION)].map(([, constant, name = '', rest = '']) => ({
      name,
      type: typeOf(name, constant, all),
      labels: [...(/labels: \[([^\]]*)\]/.exec(rest)?.[1] ?? '').matchAll(/'(\w+)'/g)].map(([, label = '']) => label),
      path,
    })),
  );
}

/** How often a source begins a declaration, whether or not it could be read. */
export function declaredNames(): string[] {
  return trackedFiles(PRODUCT)
    .filter((path) => !PROOF.test(path))
    .flatMap((path) => [...read(path).matchAll(/name:\s*['"`](countersign_\w+)/g)].map(([, name = '']) => name));
}

function typeOf(name: string, constant: string | undefined, sources: string): DefinedMetric['type'] {
  if (name.endsWith('_total')) return 'counter';
  const isHistogram = constant !== undefined && new RegExp(`\\.histogram\\(\\s*${constant}\\b`).test(sources);
  return isHistogram ? 'histogram' : 'gauge';
}
