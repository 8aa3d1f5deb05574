export { Activated, signActivated, verifyActivated } from './activated.ts';
export { activationLink, parseActivationLink, type ActivationLink } from './activation-link.ts';
export { activationCodeHash, ActivationProof, signActivationProof, verifyActivationProof } from './activation-proof.ts';
export { canonicalBytes, canonicalHash, type Json } from './canonical.ts';
export {
  challengeOfDecision,
  Decision,
  signDecision,
  verifyDecision,
  type Answer,
  type DecisionRefusal,
  type VerifiedDecision,
} from './decision.ts';
export {
  generateKeyPair,
  importPublicKey,
  parsePublicKey,
  thumbprintOf,
  type KeyPair,
  type PublicKeyJwk,
} from './device-key.ts';
export { Evidence, verifyEvidence, type EvidenceRefusal, type VerifiedEvidence } from './evidence.ts';
export { acceptKeySet, KeySet, signKeySet } from './key-set.ts';
export { Outcome, signOutcome, verifyOutcome } from './outcome.ts';
export {
  importPasskeyKey,
  parsePasskeyKey,
  passkeyChallenge,
  type PasskeyKey,
  passkeyThumbprint,
  removalChallenge,
  verifyPasskey,
  type AssertionRefusal,
} from './passkey.ts';
export { displayHash, Displayed, Prompt, Prompts, signPrompts, verifyPrompts } from './prompt.ts';
export { Rotation, signRotation, verifyRotation } from './rotation.ts';
export { showable } from './shown-text.ts';
export {
  CLOCK_WINDOW_SECONDS,
  isFresh,
  MAX_LIFETIME_SECONDS,
  NONCE_KEPT_SECONDS,
  parseSignature,
  signRequest,
  verifyRequest,
  type DeviceRequest,
  type RequestCryptography,
  type RequestSignature,
  type SignatureHeaders,
  type SigningOptions,
} from './signed-request.ts';
export { keyIdOfStatement } from './statement.ts';
