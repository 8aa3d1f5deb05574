import { X509Certificate } from 'node:crypto';
import { SettingsError } from '@countersign/config';
import { edgeProblems } from '@countersign/edge';
import type { Environment } from './environment.ts';

/**
 * What only shows when settings are used together, before anything is used.
 * @throws SettingsError with a sentence for each that is wrong; docs/operations/refusals.md has all of them.
 */
export function checkSettings(settings: Environment): Environment {
  const problems = [...edgeProblems(settings), ...authorityProblems(settings)];
  if (problems.length > 0) throw new SettingsError(problems);
  return settings;
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
