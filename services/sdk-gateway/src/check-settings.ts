import { X509Certificate } from 'node:crypto';
import { SettingsError } from '@countersign/config';
import { addressSet, keyPairProblem } from '@countersign/http';
import type { Environment } from './environment.ts';

/**
 * What only shows when settings are used together, before anything is used.
 * @throws SettingsError with a sentence for each that is wrong; docs/operations/refusals.md has all of them.
 */
export function checkSettings(settings: Environment): Environment {
  const problems = [...pairProblems(settings), ...authorityProblems(settings), ...addressProblems(settings)];
  if (problems.length > 0) throw new SettingsError(problems);
  return settings;
}

function pairProblems({ COUNTERSIGN_TLS_CERT: certificate, COUNTERSIGN_TLS_KEY: key }: Environment): string[] {
  const problem = keyPairProblem(certificate, key);
  if (problem === undefined) return [];
  return [
    `COUNTERSIGN_TLS_CERT and COUNTERSIGN_TLS_KEY do not serve together. ${problem} Set both, or their _FILE, to what was issued together.`,
  ];
}

function authorityProblems({ COUNTERSIGN_CLIENT_CA: authorities }: Environment): string[] {
  if (authorities === undefined) return [];
  try {
    return new X509Certificate(authorities).ca
      ? []
      : [
          'COUNTERSIGN_CLIENT_CA is the certificate of no authority: nobody would be believed. Set it to the one that signed those of callers.',
        ];
  } catch {
    return ['COUNTERSIGN_CLIENT_CA cannot be read as a certificate. Set it to PEM.'];
  }
}

function addressProblems(settings: Environment): string[] {
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
