import type { PublicKeyJwk } from '@countersign/device-protocol';

/** A key of this phone. Its private half cannot be read out, only used. */
export interface DeviceKey {
  readonly privateKey: CryptoKey;
  readonly publicKey: PublicKeyJwk;
  readonly thumbprint: string;
}

/** This phone, as one server knows it, and what it trusts of that server. */
export interface Device {
  readonly deviceId: string;
  /** Origin of the server. */
  readonly server: string;
  readonly key: DeviceKey;
  /** Takes the place of `key`, unless the server never heard of it: the answer that would have told was lost. */
  readonly nextKey?: DeviceKey | undefined;
  readonly keySet: { readonly version: number; readonly keys: readonly PublicKeyJwk[] };
}
