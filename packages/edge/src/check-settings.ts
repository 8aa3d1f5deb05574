import { addressSet, keyPairProblem } from '@countersign/http';
import type { EdgeSettings } from './settings.ts';

/** What is wrong with these settings when they are used together, a sentence for each; docs/operations/refusals.md has all of them. */
export function edgeProblems(settings: EdgeSettings): string[] {
  return [...pairProblems(settings), ...addressProblems(settings)];
}

function pairProblems({ COUNTERSIGN_TLS_CERT: certificate, COUNTERSIGN_TLS_KEY: key }: EdgeSettings): string[] {
  const problem = keyPairProblem(certificate, key);
  if (problem === undefined) return [];
  return [
    `COUNTERSIGN_TLS_CERT and COUNTERSIGN_TLS_KEY do not serve together. ${problem} Set both, or their _FILE, to what was issued together.`,
  ];
}

function addressProblems(settings: EdgeSettings): string[] {
  return (['COUNTERSIGN_TRUSTED_PROXIES', 'COUNTERSIGN_METRICS_FROM'] as const).flatMap((name) =>
    settings[name]
      .filter((entry) => !isAddress(entry))
      .map(
        (entry) =>
          `${name} holds ${JSON.stringify(entry)}, which is neither an address nor a network like 10.0.0.0/24.`,
      ),
  );
}

function isAddress(entry: string): boolean {
  try {
    addressSet([entry]);
    return true;
  } catch {
    return false;
  }
}
