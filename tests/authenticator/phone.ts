import type { Locator, Page } from 'playwright-core';
import { sayIn } from '../../services/mobile-app-web-service/web/src/i18n/messages.ts';

/** The app in a browser, as a person uses it: by what is written on it. */
export class Authenticator {
  readonly page: Page;
  /** Origin of the server whose app it is. */
  readonly base: string;
  readonly say: ReturnType<typeof sayIn>;

  constructor(page: Page, base: string, language: Parameters<typeof sayIn>[0] = 'en') {
    this.page = page;
    this.base = base;
    this.say = sayIn(language);
  }

  heading(name: string): Locator {
    return this.page.getByRole('heading', { name, exact: true });
  }

  button(name: string): Locator {
    return this.page.getByRole('button', { name, exact: true });
  }

  async open(): Promise<void> {
    await this.page.goto(`${this.base}/app/`);
    await this.heading(this.say('home.title')).waitFor();
  }

  /** As the camera of the phone opens a link. */
  async openLink(link: string): Promise<void> {
    await this.page.goto(link);
  }

  async add(way: 'scan' | 'type' | 'paste'): Promise<void> {
    await this.button(this.say('home.add')).click();
    await this.page.getByRole('button', { name: new RegExp(`^${this.say(`add.${way}`)}`) }).click();
  }

  async typeCode(activationCode: string): Promise<void> {
    await this.add('type');
    await this.page.getByLabel(this.say('type.code')).fill(activationCode);
    await this.button(this.say('app.goOn')).click();
  }

  async paste(text: string): Promise<void> {
    await this.add('paste');
    await this.page.getByLabel(this.say('paste.link'), { exact: true }).fill(text);
    await this.button(this.say('app.goOn')).click();
  }

  /** Says yes to what the page asks about an account. */
  async confirmActivation(label?: string): Promise<void> {
    if (label !== undefined) await this.page.getByLabel(this.say('confirm.label')).fill(label);
    await this.button(this.say('confirm.do')).click();
    await this.page.getByText(this.say('confirm.done')).waitFor();
  }

  /** An activation from its link to the end. */
  async activate(link: string, label?: string): Promise<void> {
    await this.openLink(link);
    await this.confirmActivation(label);
  }

  /** On a device that has a lock, which is offered then. */
  async activateWithLock(link: string, answer: 'lock.on' | 'lock.later'): Promise<void> {
    await this.openLink(link);
    await this.button(this.say('confirm.do')).click();
    await this.heading(this.say('lock.title')).waitFor();
    await this.button(this.say(answer)).click();
    await this.page.getByText(this.say('confirm.done')).waitFor();
  }

  async addCodes(uri: string): Promise<void> {
    await this.paste(uri);
    await this.button(this.say('confirmCodes.do')).click();
    await this.page.getByText(this.say('confirmCodes.done')).waitFor();
  }

  /** The digits that are shown beside a name. */
  async code(name: string): Promise<string> {
    const shown = this.page.getByRole('listitem').filter({ hasText: name }).locator('.code');
    return (await shown.innerText()).replaceAll(/\s/g, '');
  }

  async waitForPrompt(application?: string): Promise<void> {
    await this.heading(this.say('prompt.title')).waitFor();
    if (application !== undefined) await this.page.locator('.asking', { hasText: application }).waitFor();
  }

  /** What is shown of a prompt, by the name beside it. */
  async shown(): Promise<Record<string, string>> {
    const facts = await this.page.locator('.asked .fact').allInnerTexts();
    return Object.fromEntries(facts.map((fact) => fact.split('\n').filter((line) => line.trim() !== '')));
  }

  async approve(number?: string): Promise<void> {
    if (number !== undefined) await this.page.getByLabel(this.say('prompt.number')).fill(number);
    await this.button(this.say('prompt.approve')).click();
  }

  async deny(): Promise<void> {
    await this.button(this.say('prompt.deny')).click();
  }

  async reportFraud(): Promise<void> {
    await this.button(this.say('prompt.fraud')).click();
    await this.button(this.say('prompt.fraudDo')).click();
  }

  /** What the app says became of a prompt, once it does. */
  async outcome(): Promise<string> {
    await this.button(this.say('app.close')).waitFor();
    return this.page.locator('.asked .alert').innerText();
  }

  async close(): Promise<void> {
    await this.button(this.say('app.close')).click();
  }

  async openAccount(organisation: string): Promise<void> {
    const account = this.page.getByRole('button', { name: new RegExp(`^${organisation}`) });
    await account.first().click();
    await this.heading(organisation).waitFor();
  }
}
