import { ACTIVATION_PATHS, DEVICE_PATHS, type SignedRequest } from '@countersign/contracts';
import type { Answer as Said, Outcome, Prompt } from '@countersign/device-protocol';
import { Phone, redemption } from '../services/app-server/src/device/testing/phone.ts';
import type { Answer, Client } from './client.ts';

/** What a service said in place of what was asked for. */
export class Refused extends Error {
  readonly answer: Answer;

  constructor(answer: Answer) {
    super(`${answer.status} ${answer.text}`);
    this.answer = answer;
  }
}

export interface Asking {
  /** Seconds; 0 unless given. */
  wait?: number;
  known?: string[];
}

/** What was sent, beside what came back: only whoever knows the nonce can tell that it is the answer. */
export interface Exchange {
  request: SignedRequest;
  nonce: string;
  answer: Answer;
}

/** @returns what the QR code holds, for whoever types the short code. */
export async function linkOf(client: Client, mobile: string, activationCode: string): Promise<string> {
  const answer = await client.request(mobile, 'POST', ACTIVATION_PATHS.find, { body: { activationCode } });
  if (answer.status !== 200) throw new Refused(answer);
  return String(answer.body['link']);
}

/** A request as it was captured: byte for byte. */
export function send(client: Client, mobile: string, request: SignedRequest): Promise<Answer> {
  const { path, query, body, signatureInput, signature, contentDigest } = request;
  const headers = { 'signature-input': signatureInput, signature, 'content-digest': contentDigest };
  return client.request(mobile, 'POST', `${path}${query === '?' ? '' : query}`, { body, headers });
}

/** A phone that reaches the replicas by HTTPS, and takes nothing that is not signed for it. */
export class HttpPhone {
  readonly phone: Phone;
  readonly #client: Client;

  private constructor(client: Client, phone: Phone) {
    this.#client = client;
    this.phone = phone;
  }

  /** @throws Refused. */
  static async activate(client: Client, mobile: string, link: string): Promise<HttpPhone> {
    const redeemed = await redemption(link);
    const answer = await client.request(mobile, 'POST', ACTIVATION_PATHS.redeem, { body: redeemed.input });
    if (answer.status !== 201) throw new Refused(answer);
    return new HttpPhone(client, await Phone.of(String(answer.body['activated']), redeemed));
  }

  async ask(mobile: string, { wait = 0, known = [] }: Asking = {}): Promise<Exchange> {
    return this.#exchange(mobile, DEVICE_PATHS.poll, { keySet: this.phone.keySet.version, wait, known });
  }

  /** @throws Refused. */
  async poll(mobile: string, asking: Asking = {}): Promise<Prompt[]> {
    return this.prompts(await this.ask(mobile, asking));
  }

  /** @throws Refused. */
  prompts({ answer, nonce }: Exchange): Promise<Prompt[]> {
    if (answer.status !== 200) throw new Refused(answer);
    return this.phone.read(answer.body as unknown as { prompts: string; keySets: string[] }, nonce);
  }

  /** @throws Refused. */
  async answer(mobile: string, prompt: Prompt, said: Said): Promise<Outcome> {
    return this.hand(mobile, prompt, await this.phone.decide(prompt, said));
  }

  /** Sends what the person decided, perhaps not for the first time. @throws Refused. */
  async hand(mobile: string, { challengeId }: Prompt, decision: string): Promise<Outcome> {
    const { answer, nonce } = await this.#exchange(mobile, DEVICE_PATHS.answer, { decision });
    if (answer.status !== 200) throw new Refused(answer);
    return this.phone.outcome(String(answer.body['outcome']), challengeId, nonce);
  }

  /** Takes the clock of whoever answered for its own, to sign by. */
  correctClock({ headers }: Answer): void {
    this.phone.aheadMs = Number(headers['countersign-time']) - Date.now();
  }

  async #exchange(mobile: string, path: string, body: unknown): Promise<Exchange> {
    const { request, nonce } = await this.phone.sign(path, body);
    return { request, nonce, answer: await send(this.#client, mobile, request) };
  }
}
