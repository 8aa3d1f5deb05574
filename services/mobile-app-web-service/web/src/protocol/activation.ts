import { ACTIVATION_PATHS } from '@countersign/contracts/device-paths';
import {
  activationCodeHash,
  generateKeyPair,
  parseActivationLink,
  signActivationProof,
  verifyActivated,
  type ActivationLink,
} from '@countersign/device-protocol';
import type { Device } from './device.ts';
import { post, type Outside } from './post.ts';
import { Problem } from './problem.ts';

/**
 * The link behind a code that is typed.
 * @throws Problem.
 */
export async function findActivation(
  outside: Outside,
  server: string,
  activationCode: string,
): Promise<ActivationLink> {
  const address = server + ACTIVATION_PATHS.find;
  const { link } = (await post(outside, { address, body: JSON.stringify({ activationCode }) })) as { link?: unknown };
  const parsed = typeof link === 'string' ? parseActivationLink(link) : undefined;
  if (parsed === undefined) throw new Problem('NOT_SIGNED');
  return parsed;
}

export interface Activation {
  readonly device: Device;
  readonly organisation: string;
  readonly user: string;
}

/**
 * Makes a key for this phone, and this phone an authenticator. `again` asks once more in the very same words: a server that did it, and
 * whose answer was lost, knows them.
 * @throws Problem.
 */
export async function activate(
  outside: Outside,
  asked: { link: ActivationLink; server: string; label: string; clockOffsetMs: number },
  again: <T>(work: () => Promise<T>) => Promise<T> = (work) => work(),
): Promise<Activation> {
  const { link, server, label, clockOffsetMs } = asked;
  const { activationId, code, serverKeyThumbprint } = link;
  const { privateKey, publicKey, thumbprint } = await generateKeyPair();
  const codeHash = await activationCodeHash(code);
  const at = Math.round(outside.nowMs() + clockOffsetMs);
  const claims = { v: 1 as const, activationId, codeHash, keyThumbprint: thumbprint, serverKeyThumbprint, at };
  const proof = await signActivationProof(claims, privateKey);
  const body = JSON.stringify({ activationId, code, key: publicKey, proof, label });
  const answer = await again(() => post(outside, { address: server + ACTIVATION_PATHS.redeem, body }));
  const { activated: statement } = answer as { activated?: unknown };
  const expected = { activationId, serverKeyThumbprint, keyThumbprint: thumbprint };
  const activated = typeof statement === 'string' ? await verifyActivated(statement, expected) : undefined;
  if (activated === undefined) throw new Problem('NOT_SIGNED');
  const { deviceId, keySet, organisation, user } = activated;
  return {
    device: {
      deviceId,
      server,
      key: { privateKey, publicKey, thumbprint },
      keySet: { version: keySet.version, keys: keySet.keys },
    },
    organisation,
    user,
  };
}
