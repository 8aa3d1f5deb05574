import type { Answer, Prompt } from '@countersign/device-protocol';
import { redeem } from '../../activation/redeem.ts';
import { enrol } from '../../authenticator/enrol.ts';
import { requestOf } from '../../testing/house.ts';
import { answer } from '../answer.ts';
import { poll } from '../poll.ts';
import { Phone, redemption } from './phone.ts';

type Desk = Parameters<typeof enrol>[0] &
  Parameters<typeof redeem>[0] &
  Parameters<typeof answer>[0] &
  Parameters<typeof poll>[0];

const asEdge = () => ({ ...requestOf({ scopes: ['device'] }), deadline: Date.now() + 30_000 });

/** A phone of this user, activated as people do. */
export async function activatedPhone(desk: Desk, userId: string): Promise<Phone> {
  const { uri = '' } = await enrol(desk, { userId, type: 'app' }, requestOf());
  const redeemed = await redemption(uri);
  const { activated } = await redeem(desk, redeemed.input, asEdge());
  return Phone.of(activated, redeemed);
}

/** What the phone shows now. */
export async function promptsOf(desk: Desk, phone: Phone): Promise<Prompt[]> {
  const { request, nonce } = await phone.sign('/v1/device/poll', { keySet: phone.keySet.version, wait: 0, known: [] });
  const told = await poll(desk, { request }, asEdge());
  if (!('noNews' in told)) return phone.read(told, nonce);
  if (told.noNews.answer === undefined) throw new Error('no answer to a phone that does not wait');
  return phone.read(told.noNews.answer, nonce);
}

export async function answerPrompt(desk: Desk, phone: Phone, prompt: Prompt, said: Answer): Promise<void> {
  const decision = await phone.decide(prompt, said);
  const { request } = await phone.sign('/v1/device/answer', { decision, keySet: phone.keySet.version });
  const { keySets } = await answer(desk, { request }, asEdge());
  await phone.follow(keySets);
}
