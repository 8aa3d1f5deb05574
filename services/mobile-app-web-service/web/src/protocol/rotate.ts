import { generateKeyPair, signRotation } from '@countersign/device-protocol';
import type { Device } from './device.ts';
import { poll } from './poll.ts';
import type { Outside } from './post.ts';
import { codeOf } from './problem.ts';
import { callSigned } from './signed-call.ts';

/** The phone with a key to come, which is kept before the server hears of it. One that was left over is taken again. */
export async function withNextKey(device: Device): Promise<Device & { nextKey: NonNullable<Device['nextKey']> }> {
  return { ...device, nextKey: device.nextKey ?? (await generateKeyPair()) };
}

/**
 * Puts the next key in place of this one, both of which sign for it.
 * @throws Problem, after which nobody knows which of the two the server has, unless it said no.
 */
export async function rotateKey(
  outside: Outside,
  device: Awaited<ReturnType<typeof withNextKey>>,
  clockOffsetMs: number,
): Promise<Device> {
  const { nextKey, ...withOneKey } = device;
  const rotation = await signRotation(
    {
      v: 1,
      deviceId: device.deviceId,
      from: device.key.thumbprint,
      to: nextKey.thumbprint,
      at: Math.round(outside.nowMs() + clockOffsetMs),
    },
    nextKey.privateKey,
  );
  const body = { key: nextKey.publicKey, rotation };
  try {
    await callSigned(outside, { device: withOneKey, clockOffsetMs, call: 'rotate', body });
    return { ...withOneKey, key: nextKey };
  } catch (error) {
    if (!['DEVICE_UNKNOWN', 'SIGNATURE_INVALID'].includes(codeOf(error))) throw error;
    // It may have heard of it the last time.
    const polled = await poll(outside, { device, clockOffsetMs, waitSeconds: 0 });
    return polled.device;
  }
}
