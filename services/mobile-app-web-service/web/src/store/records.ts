import type { Outcome, Prompt } from '@countersign/device-protocol';
import type { CodeParameters } from '../codes/otpauth.ts';
import type { Device } from '../protocol/device.ts';
import type { ProblemCode } from '../protocol/problem.ts';

/** What this phone is at one server, for one person. */
export interface Account extends Device {
  readonly organisation: string;
  readonly user: string;
  /** What the person calls this phone. */
  readonly label: string;
  readonly addedAtMs: number;
  /** By which push services know the server; absent where it wakes nobody. */
  readonly pushKey?: string | undefined;
  /** The server has a way to wake this phone. */
  readonly isWoken?: boolean;
  /** What confirms approvals; its key stays in the lock of this device. */
  readonly passkey?: { readonly credentialId: string };
  /** The server, or somebody in its place, said last that it does not know this phone: nobody signed that, so it is asked again. */
  readonly isGone: boolean;
}

/** What the last poll told, for every window of the app. */
export interface Waiting {
  readonly deviceId: string;
  readonly prompts: readonly Prompt[];
  /** What stood in the way of it. */
  readonly problem?: ProblemCode | undefined;
}

/** An account that shows codes. */
export interface CodeAccount extends CodeParameters {
  readonly id: string;
  readonly issuer: string;
  readonly account: string;
  /** HMAC, not extractable. */
  readonly key: CryptoKey;
  readonly addedAtMs: number;
}

/**
 * What became of a prompt. `ended`: somebody or something else was first, and the server said no more than that. `unchecked`: what the server
 * said of an answer was signed by no key that this phone trusts.
 */
export type Result = Outcome['state'] | 'wrong-number' | 'mismatch' | 'withdrawn' | 'ended' | 'unchecked';

export interface Past {
  readonly deviceId: string;
  readonly challengeId: string;
  readonly application: string;
  readonly source?: string | undefined;
  readonly createdAtMs: number;
  readonly atMs: number;
  /** What was pressed here, if anything. */
  readonly answer?: 'approve' | 'deny' | 'fraud' | undefined;
  readonly result: Result;
  /** It became so by what was pressed here. */
  readonly counted: boolean;
}
