import type { DeviceAssertion, PushSubscription } from '@countersign/contracts';
import type { ActivationLink, Answer, Prompt } from '@countersign/device-protocol';
import type { OtpauthAccount } from './codes/otpauth.ts';
import { importSeed } from './codes/totp.ts';
import { activate, findActivation } from './protocol/activation.ts';
import { answerPrompt } from './protocol/answer.ts';
import { pauseMs } from './protocol/backoff.ts';
import type { Device } from './protocol/device.ts';
import { poll } from './protocol/poll.ts';
import type { Outside } from './protocol/post.ts';
import { codeOf, isPassing, type ProblemCode } from './protocol/problem.ts';
import { rotateKey, withNextKey } from './protocol/rotate.ts';
import { callSigned } from './protocol/signed-call.ts';
import type { Passkeys } from './passkeys.ts';
import type { Account, Past, Result } from './store/records.ts';
import type { Store } from './store/store.ts';

/** What came of a prompt that was answered here. */
export type Answered = Pick<Past, 'answer' | 'result' | 'counted'>;

/** Codes that end a prompt, whoever sent them; and where nothing that came was signed, the answer may have counted all the same. */
const ENDS: Partial<Record<ProblemCode, Result>> = {
  NUMBER_WRONG: 'wrong-number',
  DISPLAY_MISMATCH: 'mismatch',
  CHALLENGE_CLOSED: 'ended',
  CHALLENGE_NOT_FOUND: 'ended',
  NOT_SIGNED: 'unchecked',
};
/** After which the server may have the prompt open still: then it is shown again. */
const STAY_OPEN: ReadonlySet<Result> = new Set(['mismatch', 'unchecked']);
const TRIES = 4;
const CLOCK_TOLERANCE_MS = 2000;

/** Everything that this phone does, for whatever shows it. Each throws Problem. */
export interface Phone {
  readonly store: Store;
  readonly outside: Outside;
  readonly pause: (ms: number, signal?: AbortSignal) => Promise<void>;
  readonly passkeys: Passkeys;
  /** Origin of the server that this page is of. */
  readonly server: string;
}

export function find({ outside, server }: Phone, activationCode: string): Promise<ActivationLink> {
  return findActivation(outside, server, activationCode);
}

/** @returns the account that is there from now on. */
export async function add(phone: Phone, link: ActivationLink, label: string): Promise<string> {
  const { store, outside, server } = phone;
  const clockOffsetMs = await store.clockOffsetMs();
  const { device, organisation, user } = await activate(outside, { link, server, label, clockOffsetMs }, (work) =>
    insisting(phone, work),
  );
  await store.putAccount({ ...device, organisation, user, label, addedAtMs: outside.nowMs(), isGone: false });
  return device.deviceId;
}

export async function addCodes({ store, outside }: Phone, { secret, ...account }: OtpauthAccount): Promise<void> {
  const key = await importSeed(secret, account.algorithm);
  await store.putCodes({ ...account, id: crypto.randomUUID(), key, addedAtMs: outside.nowMs() });
}

/**
 * Asks once what waits, and keeps it for every window. Prompts that were answered here do not come back by a poll that was under way,
 * unless the answer may not have counted, which leaves them open; those that are gone without an answer are written down. Undefined
 * when there is nobody to ask for any more.
 * @param asked.known what the last look told.
 * @returns what this one tells.
 * @throws Problem; DEVICE_UNKNOWN is written down at the account and taken back by the next answer, since nobody signed it.
 */
export async function look(
  phone: Phone,
  deviceId: string,
  asked: { waitSeconds: number; known: readonly string[]; signal?: AbortSignal },
): Promise<{ known: readonly string[] } | undefined> {
  const { store, outside } = phone;
  const account = await store.account(deviceId);
  if (account === undefined) return undefined;
  const clockOffsetMs = await store.clockOffsetMs();
  const polled = await poll(outside, { ...asked, device: account, clockOffsetMs }).catch(async (error: unknown) => {
    if (codeOf(error) !== 'DEVICE_UNKNOWN') throw error;
    const now = await store.account(deviceId);
    // It may have another key meanwhile, of which nobody has said anything.
    if (now === undefined || !hasKeysOf(now, account)) return undefined;
    await store.changeAccount(deviceId, (before) => ({ ...before, isGone: true }));
    throw error;
  });
  if (polled === undefined) return look(phone, deviceId, asked);
  const { device, prompts, learntOffsetMs, pushKey } = polled;
  if (account.isGone) await store.changeAccount(deviceId, (now) => ({ ...now, isGone: false }));
  if (learntOffsetMs !== undefined) await store.putClockOffset(learntOffsetMs);
  if (!hasKeysOf(device, account) || device.keySet.version !== account.keySet.version) {
    await store.changeAccount(deviceId, (now) => follow(now, device));
  }
  if (pushKey !== account.pushKey) await store.changeAccount(deviceId, (now) => ({ ...now, pushKey }));
  const before = (await store.waiting(deviceId))?.prompts ?? [];
  const past = await store.past(deviceId);
  const isAnswered = ({ challengeId }: Prompt) =>
    past.some((one) => one.challengeId === challengeId && one.answer !== undefined && !STAY_OPEN.has(one.result));
  const open = prompts.filter((prompt) => !isAnswered(prompt));
  await store.putWaiting({ deviceId, prompts: open });
  const nowMs = outside.nowMs() + (learntOffsetMs ?? clockOffsetMs);
  const known = prompts.map(({ challengeId }) => challengeId);
  for (const prompt of before.filter(({ challengeId }) => !known.includes(challengeId))) {
    await store.addPast(pastOf(deviceId, prompt, unanswered(prompt, nowMs), nowMs));
  }
  return { known };
}

/** What became of a prompt that is gone. A clock that is a little late makes no withdrawal of one whose time was over. */
export function unanswered({ displayed }: Prompt, nowMs: number): Answered {
  return { result: nowMs < displayed.expiresAt - CLOCK_TOLERANCE_MS ? 'withdrawn' : 'expired', counted: false };
}

function hasKeysOf(one: Device, other: Device): boolean {
  return one.key.thumbprint === other.key.thumbprint && one.nextKey?.thumbprint === other.nextKey?.thumbprint;
}

/** What an answer has shown of the keys of both sides, whatever else has changed meanwhile. */
function follow(account: Account, { key, keySet }: Device): Account {
  const isNext = account.nextKey?.thumbprint === key.thumbprint;
  return {
    ...account,
    keySet: keySet.version > account.keySet.version ? keySet : account.keySet,
    ...(isNext && { key, nextKey: undefined }),
  };
}

/** How the login stands by what was pressed, or by what somebody else did before. */
export async function answer(phone: Phone, deviceId: string, prompt: Prompt, given: Answer): Promise<Answered> {
  const { store, outside } = phone;
  const account = await store.account(deviceId);
  if (account === undefined) return { answer: given.decision, result: 'ended', counted: false };
  const clockOffsetMs = await store.clockOffsetMs();
  const { passkey } = account;
  const confirm =
    passkey && ((challenge: string): Promise<DeviceAssertion> => phone.passkeys.ask(passkey.credentialId, challenge));
  const asked = { device: account, clockOffsetMs, prompt, answer: given, confirm };
  const answered = await answerPrompt(outside, asked, (work) => insisting(phone, work)).then(
    async ({ outcome: { state, counted }, keySet }): Promise<Answered> => {
      if (keySet.version !== account.keySet.version) {
        await store.changeAccount(deviceId, (now) => follow(now, { ...now, keySet }));
      }
      return { answer: given.decision, result: state, counted };
    },
    (error: unknown): Answered => {
      const result = ENDS[codeOf(error)];
      if (result === undefined) throw error;
      return { answer: given.decision, result, counted: false };
    },
  );
  await store.putPast(pastOf(deviceId, prompt, answered, outside.nowMs() + clockOffsetMs));
  const waiting = (await store.waiting(deviceId))?.prompts ?? [];
  const others = waiting.filter(({ challengeId }) => challengeId !== prompt.challengeId);
  await store.putWaiting({ deviceId, prompts: others });
  return answered;
}

export async function rename(phone: Phone, deviceId: string, label: string): Promise<void> {
  await ask(phone, deviceId, 'update', { label });
  await phone.store.changeAccount(deviceId, (account) => ({ ...account, label }));
}

/** @param push how this phone is woken from now on; null: not at all. */
export async function letWake(phone: Phone, deviceId: string, push: PushSubscription | null): Promise<void> {
  await ask(phone, deviceId, 'update', { push });
  await phone.store.changeAccount(deviceId, (account) => ({ ...account, isWoken: push !== null }));
}

/** The new key is kept before the server hears of it, and the old one until it has answered. */
export async function changeKey(phone: Phone, deviceId: string): Promise<void> {
  const { store, outside } = phone;
  const account = await store.account(deviceId);
  if (account === undefined) return;
  const prepared = await withNextKey(account);
  await store.changeAccount(deviceId, (before) => ({ ...before, nextKey: prepared.nextKey }));
  const offsetMs = await store.clockOffsetMs();
  const { key, keySet } = await insisting(phone, () => rotateKey(outside, prepared, offsetMs));
  await store.changeAccount(deviceId, (before) => follow(before, { ...before, key, keySet }));
}

/** Takes this phone away at its server, then here. */
export async function remove(phone: Phone, deviceId: string): Promise<void> {
  try {
    await ask(phone, deviceId, 'remove', {});
  } catch (error) {
    if (codeOf(error) !== 'DEVICE_UNKNOWN') throw error;
  }
  await phone.store.removeAccount(deviceId);
}

/** A call of a phone that is there, by whichever of its keys counts. @returns what the server says; nothing where there is no account. */
export async function ask(
  phone: Phone,
  deviceId: string,
  call: 'update' | 'remove' | 'enrol' | 'confirm' | 'forget',
  body: object,
): Promise<Readonly<Record<string, unknown>>> {
  const { store, outside } = phone;
  const account = await store.account(deviceId);
  if (account === undefined) return {};
  const clockOffsetMs = await store.clockOffsetMs();
  const asked = { device: account, clockOffsetMs, call, body };
  const { device, answer: said } = await insisting(phone, () => callSigned(outside, asked));
  if (!hasKeysOf(device, account)) await store.changeAccount(deviceId, (now) => follow(now, device));
  return said;
}

/** Once more where it may be otherwise a moment later: whichever replica answers then finds what was done. */
async function insisting<T>({ pause, outside }: Phone, work: () => Promise<T>): Promise<T> {
  for (let tries = 0; ; tries += 1) {
    try {
      return await work();
    } catch (error) {
      if (!isPassing(error) || tries + 1 === TRIES) throw error;
      await pause(pauseMs(error, tries, outside));
    }
  }
}

function pastOf(deviceId: string, { challengeId, displayed }: Prompt, answered: Answered, atMs: number): Past {
  const { application, source, createdAt: createdAtMs } = displayed;
  return { deviceId, challengeId, application, source, createdAtMs, atMs, ...answered };
}
