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
  const address = `${server}/v1/activations/find`;
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
 * Makes a key for this phone, and this phone an authenticator. `again` asks once more with the same key, where the answer was lost.
 * @throws Problem.
 */
export async function activate(
  outside: Outside,
  asked: { link: ActivationLink; server: string; label: string; clockOffsetMs: number },
  again: (work: () => Promise<unknown>) => Promise<unknown> = (work) => work(),
): Promise<Activation> {
  const { link, server } = asked;
  const { privateKey, publicKey, thumbprint } = await generateKeyPair();
  const redeem = async (clockOffsetMs: number) => {
    const proof = await signActivationProof(
      {
        v: 1,
        activationId: link.activationId,
        codeHash: await activationCodeHash(link.code),
        keyThumbprint: thumbprint,
        serverKeyThumbprint: link.serverKeyThumbprint,
        at: Math.round(outside.nowMs() + clockOffsetMs),
      },
      privateKey,
    );
    const { activationId, code } = link;
    const body = JSON.stringify({ activationId, code, key: publicKey, proof, label: asked.label });
    return post(outside, { address: `${server}/v1/activations`, body });
  };
  const inTime = () =>
    redeem(asked.clockOffsetMs).catch((error: unknown) => {
      if (!(error instanceof Problem) || error.code !== 'CLOCK_WRONG' || error.serverMs === undefined) throw error;
      return redeem(error.serverMs - outside.nowMs());
    });
  const { activated: statement } = (await again(inTime)) as { activated?: unknown };
  const { activationId, serverKeyThumbprint } = link;
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
