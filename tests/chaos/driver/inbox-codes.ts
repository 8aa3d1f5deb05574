import { setTimeout as sleep } from 'node:timers/promises';

/** What arrives on the phones, as the development inbox shows it. */
export class InboxCodes {
  readonly #newest = new Map<string, string>();
  readonly #waiting = new Map<string, (code: string) => void>();
  readonly #stopping = new AbortController();

  constructor(inbox: string) {
    void this.#follow(`${inbox}/api/messages/stream`);
  }

  /** Forgets what came for this phone before. */
  expect(phone: string): void {
    this.#newest.delete(phone);
  }

  /** The code that came since expect(); undefined when none came in time. */
  async next(phone: string, withinMs: number): Promise<string | undefined> {
    const there = this.#newest.get(phone);
    if (there !== undefined) return there;
    const arrived = new Promise<string>((resolve) => this.#waiting.set(phone, resolve));
    const code = await Promise.race([arrived, sleep(withinMs, undefined, { ref: false })]);
    this.#waiting.delete(phone);
    return code;
  }

  close(): void {
    this.#stopping.abort();
  }

  async #follow(url: string): Promise<void> {
    while (!this.#stopping.signal.aborted) {
      await this.#read(url).catch(() => undefined);
      await sleep(200);
    }
  }

  async #read(url: string): Promise<void> {
    const response = await fetch(url, { signal: this.#stopping.signal });
    const decoder = new TextDecoder();
    let text = '';
    for await (const part of response.body ?? []) {
      text += decoder.decode(part, { stream: true });
      const events = text.split('\n\n');
      text = events.pop() ?? '';
      for (const event of events) this.#hear(event);
    }
  }

  #hear(event: string): void {
    const data = /^data: ?(.*)$/m.exec(event)?.[1];
    if (data === undefined) return;
    const { to, text } = JSON.parse(data) as { to?: string; text?: string };
    const code = /(?<![0-9+])[0-9]{6,10}(?![0-9])/.exec(text ?? '')?.[0];
    if (to === undefined || code === undefined) return;
    this.#newest.set(to, code);
    this.#waiting.get(to)?.(code);
  }
}
