import { describe, expect, test } from 'vitest';
import { useLab } from './app.ts';
import { giveLock } from './lock.ts';

const lab = useLab();

const passkeysOf = () => [...lab.server.devices.values()].map(({ passkey }) => passkey?.credentialId);

describe('DEV-35: the lock of the device', () => {
  test('is offered with the account, and then confirms every approval, and no denial', async () => {
    const { server } = lab;
    const phone = await lab.phone();
    const lock = await giveLock(phone.page);
    await phone.activateWithLock(lab.server.invite().link, 'lock.on');
    expect(passkeysOf()).toEqual([expect.any(String)]);
    const { challengeId, number } = server.ask();
    await phone.waitForPrompt();
    await lock.unlocks(false);
    await phone.approve(number);
    await phone.page.getByText(phone.say('problem.NOT_CONFIRMED')).waitFor();
    expect(server.challenge(challengeId).state).toBe('open');
    await lock.unlocks(true);
    await phone.approve(number);
    expect(await phone.outcome()).toBe(phone.say('outcome.approved'));
    expect(server.challenge(challengeId)).toMatchObject({ state: 'approved', isConfirmed: true });
    await phone.close();
    await lock.unlocks(false);
    const second = server.ask({ application: 'Mail' });
    await phone.waitForPrompt('Mail');
    await phone.deny();
    expect(await phone.outcome()).toBe(phone.say('outcome.denied'));
    expect(server.challenge(second.challengeId).isConfirmed).toBeUndefined();
  });

  test('is turned on and off on the page of the account, where the browser is opened again as well', async () => {
    const { server } = lab;
    const phone = await lab.phone();
    const lock = await giveLock(phone.page);
    await phone.activateWithLock(lab.server.invite().link, 'lock.later');
    expect(passkeysOf()).toEqual([undefined]);
    await phone.openAccount('Daugava Shipping');
    await phone.button(phone.say('lock.on')).click();
    await phone.page.getByText(phone.say('lock.isOn')).waitFor();
    expect(passkeysOf()).toEqual([expect.any(String)]);
    await phone.page.reload();
    await lock.unlocks(false);
    await phone.button(phone.say('lock.off')).click();
    await phone.page.getByText(phone.say('problem.NOT_CONFIRMED')).waitFor();
    expect(passkeysOf()).toEqual([expect.any(String)]);
    await lock.unlocks(true);
    await phone.button(phone.say('lock.off')).click();
    await phone.page.getByText(phone.say('lock.text')).waitFor();
    expect(passkeysOf()).toEqual([undefined]);
    const { challengeId, number } = server.ask();
    await phone.waitForPrompt();
    await phone.approve(number);
    expect(await phone.outcome()).toBe(phone.say('outcome.approved'));
    expect(server.challenge(challengeId).isConfirmed).toBeUndefined();
  });

  test('is turned on beside the prompt where the policy demands it', async () => {
    const { server } = lab;
    const phone = await lab.phone();
    await giveLock(phone.page);
    await phone.activateWithLock(lab.server.invite().link, 'lock.later');
    server.demandPasskeys();
    const { challengeId, number } = server.ask();
    await phone.waitForPrompt();
    await phone.approve(number);
    await phone.page.getByText(phone.say('problem.PASSKEY_NEEDED')).waitFor();
    expect(server.challenge(challengeId).state).toBe('open');
    await phone.button(phone.say('lock.on')).click();
    await phone.button(phone.say('lock.on')).waitFor({ state: 'detached' });
    await phone.approve();
    expect(await phone.outcome()).toBe(phone.say('outcome.approved'));
    expect(server.challenge(challengeId)).toMatchObject({ state: 'approved', isConfirmed: true });
  });

  test('that the server knows, and the phone does not, is taken again', async () => {
    const { server } = lab;
    const phone = await lab.phone();
    await giveLock(phone.page);
    await phone.activateWithLock(lab.server.invite().link, 'lock.later');
    await phone.openAccount('Daugava Shipping');
    server.trouble('/v1/device/passkey/confirm', { lose: true });
    await phone.button(phone.say('lock.on')).click();
    // No connection, or a copy that the browser has sent by itself.
    await phone.page.locator('[aria-labelledby=lock] .alert').waitFor();
    const known = passkeysOf();
    expect(known).toEqual([expect.any(String)]);
    await phone.button(phone.say('lock.on')).click();
    await phone.page.getByText(phone.say('lock.isOn')).waitFor();
    expect(passkeysOf()).toEqual(known);
  });

  test('that is not there is not spoken of', async () => {
    const phone = await lab.activated();
    await phone.openAccount('Daugava Shipping');
    await phone.heading(phone.say('account.key')).waitFor();
    expect(await phone.heading(phone.say('lock.title')).count()).toBe(0);
  });

  test('in a browser without any is not spoken of either', async () => {
    const phone = await lab.phone();
    await phone.page.addInitScript('delete globalThis.PublicKeyCredential');
    await phone.activate(lab.server.invite().link, 'Old phone');
    const { challengeId, number } = lab.server.ask();
    await phone.waitForPrompt();
    await phone.approve(number);
    expect(await phone.outcome()).toBe(phone.say('outcome.approved'));
    expect(lab.server.challenge(challengeId).state).toBe('approved');
  });
});
