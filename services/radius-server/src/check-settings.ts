import { X509Certificate } from 'node:crypto';
import { isIP } from 'node:net';
import { SettingsError } from '@countersign/config';
import { apiKeyProblems, edgeProblems } from '@countersign/edge';
import type { Environment } from './environment.ts';

const SCOPES = ['radius'];

/**
 * What only shows when settings are used together, before anything is used.
 * @throws SettingsError with a sentence for each that is wrong; docs/operations/refusals.md has all of them.
 */
export function checkSettings(settings: Environment): Environment {
  const problems = [
    ...edgeProblems(settings),
    ...apiKeyProblems(settings.COUNTERSIGN_API_KEY, SCOPES),
    ...hostProblems(settings.COUNTERSIGN_RADIUS_HOSTS),
    ...portProblems(settings),
    ...authorityProblems(settings.COUNTERSIGN_RADSEC_CA),
  ];
  if (problems.length > 0) throw new SettingsError(problems);
  return settings;
}

function hostProblems(hosts: readonly string[]): string[] {
  if (hosts.length === 0) return ['COUNTERSIGN_RADIUS_HOSTS names no address. Leave it out for every one.'];
  return hosts
    .filter((host) => isIP(host) === 0)
    .map((host) => `COUNTERSIGN_RADIUS_HOSTS holds ${JSON.stringify(host)}, which is no address of this machine.`);
}

function portProblems(settings: Environment): string[] {
  const { COUNTERSIGN_RADIUS_PORT: logins, COUNTERSIGN_RADIUS_ACCOUNTING_PORT: accounting } = settings;
  if (logins !== accounting || logins === 0) return [];
  return ['COUNTERSIGN_RADIUS_PORT and COUNTERSIGN_RADIUS_ACCOUNTING_PORT are the same. Give each its own.'];
}

function authorityProblems(pem: string | undefined): string[] {
  if (pem === undefined) return [];
  try {
    // The first of them: what else cannot be read, TLS refuses when it is set up.
    return new X509Certificate(pem).ca ? [] : ['COUNTERSIGN_RADSEC_CA is no certificate of an authority.'];
  } catch {
    return ['COUNTERSIGN_RADSEC_CA cannot be read as PEM.'];
  }
}
