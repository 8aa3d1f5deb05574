import { DEVICE_PATHS } from '@countersign/contracts';
import { describe, expect, test } from 'vitest';
import { SOON, useLab } from './app.ts';
import { Authenticator } from './phone.ts';

const lab = useLab();

describe('a phone is activated', () => {
  test('by a link, which leaves the address bar and the history, for whom and where it says', async () => {
    const { server } = lab;
    const phone = await lab.phone();
    const { link } = server.invite();
    await phone.openLink(link);
    await phone.heading('Add “Daugava Shipping”?').waitFor();
    expect(phone.page.url()).toBe(`${server.origin}/app/`);
    await phone.page.goBack();
    await phone.heading('Your accounts').waitFor();
    expect(phone.page.url()).toBe(`${server.origin}/app/`);
    await phone.page.goForward();
    await phone.heading('Add “Daugava Shipping”?').waitFor();
    expect(await phone.page.locator('.fact').allInnerTexts()).toEqual([
      expect.stringMatching(/Daugava Shipping/),
      expect.stringContaining(new URL(server.origin).host),
    ]);
    await phone.confirmActivation('My own phone');
    expect([...server.devices.values()].map(({ label }) => label)).toContain('My own phone');
  });

  test('by twelve digits, of which wrong ones are refused', async () => {
    const { server } = lab;
    const phone = await lab.phone();
    await phone.open();
    await phone.typeCode('12345');
    await phone.page.getByText(phone.say('type.wrong')).waitFor();
    const code = phone.page.getByLabel(phone.say('type.code'));
    const { activationCode } = server.invite();
    await code.fill(activationCode === '000000000000' ? '000000000001' : '000000000000');
    await phone.button('Continue').click();
    await phone.page.getByText(phone.say('problem.ACTIVATION_NOT_FOUND')).waitFor();
    await code.fill(activationCode.replace(/(...)(...)(...)/, '$1 $2 $3 '));
    await phone.button('Continue').click();
    await phone.confirmActivation();
    await phone.heading('Your accounts').waitFor();
    expect(server.devices.size).toBe(1);
  });

  test('only at the server that the link is of', async () => {
    const phone = await lab.phone();
    await phone.open();
    const elsewhere = lab.server.invite('https://other.example:8443').link;
    await phone.paste(elsewhere);
    await phone.heading('Another server').waitFor();
    const way = phone.page.getByRole('link', { name: 'Open other.example:8443' });
    expect(await way.getAttribute('href')).toBe(elsewhere);
  });
});

describe('a sign-in that asks', () => {
  test('is shown as the server signed it, and approved with the number on the other screen', async () => {
    const { server } = lab;
    const phone = await lab.activated();
    const { challengeId, number } = server.ask({
      application: 'Payroll',
      source: '203.0.113.7',
      message: 'Pay 1000 €',
    });
    await phone.waitForPrompt('Payroll');
    expect(await phone.shown()).toMatchObject({
      Application: 'Payroll',
      User: 'anna@daugava.example',
      From: '203.0.113.7',
      'What for': 'Pay 1000 €',
      When: expect.stringMatching(/(now|seconds? ago) \(\d+:\d\d:\d\d (AM|PM)\)/),
      Organisation: 'Daugava Shipping',
      'Time left': expect.stringMatching(/^\d+ s$/),
    });
    // The keyboard is where a screen reader goes on, and the number is asked for before anything is sent.
    expect(await phone.page.evaluate('document.activeElement.innerText')).toBe('Is this you signing in?');
    await phone.approve('1');
    await phone.page.getByText(phone.say('prompt.numberWrong', 3)).waitFor();
    expect(server.challenge(challengeId).state).toBe('open');
    await phone.approve(number);
    expect(await phone.outcome()).toBe('Approved. You are being signed in.');
    expect(server.challenge(challengeId)).toMatchObject({
      state: 'approved',
      decision: { decision: 'approve', number },
    });
    await phone.close();
    await phone.openAccount('Daugava Shipping');
    await phone.page.getByRole('listitem').filter({ hasText: 'Payroll' }).getByText('Approved').waitFor();
  });

  test('is ended by a wrong number, which is said', async () => {
    const { server } = lab;
    const phone = await lab.activated();
    const { challengeId, number } = server.ask({ digits: 2 });
    await phone.waitForPrompt();
    await phone.approve(number === '42' ? '43' : '42');
    expect(await phone.outcome()).toBe(phone.say('outcome.wrong-number'));
    expect(server.challenge(challengeId).state).toBe('denied');
  });

  test('is denied, or reported after asking once more', async () => {
    const { server } = lab;
    const phone = await lab.activated();
    const denied = server.ask({ digits: 0 });
    await phone.waitForPrompt();
    await phone.deny();
    expect(await phone.outcome()).toBe('Denied. Nobody was signed in.');
    await phone.close();
    const reported = server.ask({ application: 'Mail' });
    await phone.waitForPrompt('Mail');
    await phone.button('This was not me').click();
    await phone.button('Cancel').click();
    expect(server.challenge(reported.challengeId).state).toBe('open');
    await phone.reportFraud();
    expect(await phone.outcome()).toBe(phone.say('outcome.reported'));
    expect(server.challenge(denied.challengeId).decision).toMatchObject({ decision: 'deny' });
    expect(server.challenge(reported.challengeId).decision).toMatchObject({ decision: 'fraud' });
  });

  test('runs out, or is withdrawn, and says which', async () => {
    const { server } = lab;
    const phone = await lab.activated();
    server.ask({ lifetimeMs: 4000 });
    await phone.waitForPrompt();
    expect(await phone.outcome()).toBe(phone.say('outcome.expired'));
    await phone.close();
    const { challengeId } = server.ask({ application: 'Mail' });
    await phone.waitForPrompt('Mail');
    server.withdraw(challengeId);
    expect(await phone.outcome()).toBe(phone.say('outcome.withdrawn'));
    await phone.close();
    await phone.openAccount('Daugava Shipping');
    await phone.page.getByText('Not answered in time').waitFor();
    await phone.page.getByText('Withdrawn').waitFor();
  });

  test('that another phone was first with is told as it stands', async () => {
    const { server } = lab;
    const [one, other] = [await lab.activated(), await lab.activated()];
    // Nothing withdraws it from the slower one while somebody looks at it.
    const { challengeId, number } = server.ask();
    await Promise.all([one.waitForPrompt(), other.waitForPrompt()]);
    server.trouble(DEVICE_PATHS.poll, { refuse: 'UNAVAILABLE', status: 503, retryAfterSeconds: 30 });
    await one.deny();
    expect(await one.outcome()).toBe('Denied. Nobody was signed in.');
    await other.approve(number);
    expect(await other.outcome()).toBe(other.say('outcome.notCounted.denied'));
    expect(server.challenge(challengeId).state).toBe('denied');
  });

  test('whose answer was lost is answered once, and its outcome found', async () => {
    const { server } = lab;
    const phone = await lab.activated();
    const { challengeId, number } = server.ask();
    await phone.waitForPrompt();
    server.trouble(DEVICE_PATHS.answer, { lose: true });
    const before = server.calls.length;
    await phone.approve(number);
    await expect
      .poll(() => server.calls.slice(before).filter((path) => path === DEVICE_PATHS.answer).length, SOON)
      .toBeGreaterThanOrEqual(2);
    server.trouble(DEVICE_PATHS.answer, undefined);
    expect(await phone.outcome()).toBe('Approved. You are being signed in.');
    expect(server.challenge(challengeId).state).toBe('approved');
  });

  test('can be put off, and found again', async () => {
    const phone = await lab.activated();
    const { challengeId } = lab.server.ask({ application: 'Intranet' });
    await phone.waitForPrompt('Intranet');
    await phone.button('Decide later').click();
    await phone.page.getByText('A sign-in to Intranet waits.').waitFor();
    expect(lab.server.challenge(challengeId).state).toBe('open');
    await phone.button('Look at it').click();
    await phone.waitForPrompt('Intranet');
  });
});

describe('DEV-25: what the server did not sign', () => {
  test('is not shown, and the app says why', async () => {
    const { server } = lab;
    const phone = await lab.activated();
    server.trouble(DEVICE_PATHS.poll, {
      alter: (statement) => {
        const [header, payload = '', signature] = statement.split('.');
        const text = Buffer.from(payload, 'base64url').toString().replace('Payroll', 'Kantine');
        return [header, Buffer.from(text).toString('base64url'), signature].join('.');
      },
    });
    server.ask({ application: 'Payroll', lifetimeMs: 20_000 });
    // Whatever is asked, the nonce of the request or the prompts: a statement that was touched is none.
    await phone.page.getByText(phone.say('problem.NOT_SIGNED')).waitFor();
    expect(await phone.heading(phone.say('prompt.title')).count()).toBe(0);
    server.trouble(DEVICE_PATHS.poll, undefined);
    await phone.waitForPrompt('Payroll');
  });

  test('is followed through a change of the server’s key', async () => {
    const { server } = lab;
    const phone = await lab.activated();
    await server.changeKey();
    const { number } = server.ask({ application: 'Wiki' });
    await phone.waitForPrompt('Wiki');
    await phone.approve(number);
    expect(await phone.outcome()).toBe('Approved. You are being signed in.');
  });

  test('DEV-25: that was shown before the server’s key was changed is approved, and said to be', async () => {
    const { server } = lab;
    const phone = await lab.activated();
    const { number } = server.ask({ application: 'Wiki' });
    await phone.waitForPrompt('Wiki');
    await server.changeKey();
    await phone.approve(number);
    expect(await phone.outcome()).toBe('Approved. You are being signed in.');
  });

  test('DEV-25: of which nothing that is signed comes back is said to be uncertain, not withdrawn, also in the history', async () => {
    const { server } = lab;
    const phone = await lab.activated();
    const { challengeId, number } = server.ask({ application: 'Wiki' });
    await phone.waitForPrompt('Wiki');
    server.trouble(DEVICE_PATHS.answer, { alter: (statement) => statement.slice(0, -4) });
    await phone.approve(number);
    expect(await phone.outcome()).toBe(phone.say('outcome.unchecked'));
    expect(server.challenge(challengeId).state).toBe('approved');
    server.trouble(DEVICE_PATHS.answer, undefined);
    await phone.close();
    await phone.openAccount('Daugava Shipping');
    await phone.page.getByText(phone.say('past.unchecked')).waitFor();
  });
});

test('DEV-23: a phone whose clock is three minutes behind is right within one round trip', async () => {
  const { server } = lab;
  const phone = await lab.activated({ clockBehindMs: 180_000 });
  const { number } = server.ask();
  await phone.waitForPrompt();
  const { 'Time left': left = '' } = await phone.shown();
  expect(Number.parseInt(left, 10)).toBeGreaterThan(60);
  expect(Number.parseInt(left, 10)).toBeLessThanOrEqual(121);
  await phone.approve(number);
  expect(await phone.outcome()).toBe('Approved. You are being signed in.');
});

describe('an account', () => {
  test('that was removed at the server says so, asks seldom, and can be removed here', async () => {
    const { server } = lab;
    const phone = await lab.activated();
    server.revoke();
    await phone.page.getByText(phone.say('home.gone')).waitFor();
    const before = server.calls.length;
    await phone.openAccount('Daugava Shipping');
    await phone.button('Remove account').click();
    await phone.button('Remove').click();
    await phone.page.getByText(phone.say('home.empty')).waitFor();
    expect(server.calls.slice(before)).toEqual(['/v1/device/remove']);
  });

  test('that was removed and is activated again is told apart from what it was', async () => {
    const { server } = lab;
    const phone = await lab.activated();
    server.revoke();
    await phone.page.getByText(phone.say('home.gone')).waitFor();
    await phone.activate(server.invite().link);
    const entries = phone.page.getByRole('button', { name: /^Daugava Shipping/ });
    await expect.poll(() => entries.count(), SOON).toBe(2);
    const texts = await entries.allInnerTexts();
    expect(texts.filter((text) => text.includes(phone.say('home.goneBadge')))).toHaveLength(1);
    expect(texts.filter((text) => /anna@daugava\.example, added \w+ \d+, \d{4}/.test(text))).toHaveLength(2);
    await phone.page
      .getByText(/^Daugava Shipping, anna@daugava\.example, added .*: This server does not know/)
      .waitFor();
  });

  test('that somebody between said is unknown is asked for again with the next start, and its key is there', async () => {
    const { server } = lab;
    const phone = await lab.activated();
    server.trouble('/v1/device/poll', { refuse: 'DEVICE_UNKNOWN', status: 401 });
    await phone.page.getByText(phone.say('home.gone')).waitFor();
    server.trouble('/v1/device/poll', undefined);
    const { number } = server.ask({ application: 'Wiki' });
    // The prompt may be there before the list of accounts is.
    await phone.page.reload();
    await phone.waitForPrompt('Wiki');
    await phone.approve(number);
    expect(await phone.outcome()).toBe('Approved. You are being signed in.');
    await phone.close();
    await phone.page.getByText(phone.say('home.ready')).waitFor();
  });

  test('remembers the last fifty logins, and no more', async () => {
    const { server } = lab;
    const phone = await lab.activated();
    const [deviceId = ''] = server.devices.keys();
    await phone.page.evaluate(
      `new Promise((resolve, reject) => {
        const opened = indexedDB.open('countersign');
        opened.onerror = reject;
        opened.onsuccess = () => {
          const transaction = opened.result.transaction('past', 'readwrite');
          for (let number = 1; number <= 50; number += 1) {
            const result = { application: 'Login ' + number, createdAtMs: number, result: 'denied', counted: true };
            transaction.objectStore('past').put({ deviceId: '${deviceId}', challengeId: 'past-' + number, atMs: number, ...result });
          }
          transaction.oncomplete = () => resolve(opened.result.close());
        };
      })`,
    );
    server.ask({ application: 'Wiki', digits: 0 });
    await phone.waitForPrompt('Wiki');
    await phone.deny();
    await phone.outcome();
    await phone.close();
    await phone.openAccount('Daugava Shipping');
    const titles = phone.page.getByRole('region', { name: phone.say('account.history') }).getByRole('listitem');
    await expect.poll(() => titles.count(), SOON).toBe(50);
    expect(await titles.first().innerText()).toContain('Wiki');
    expect(await titles.last().innerText()).toContain('Login 2\n');
  });

  test('is renamed, and its key changed, also where the answer was lost', async () => {
    const { server } = lab;
    const phone = await lab.activated();
    const device = [...server.devices.values()][0]!;
    const first = device.key.x;
    await phone.openAccount('Daugava Shipping');
    await phone.button('Rename').click();
    await phone.page.getByRole('dialog').getByLabel('This phone is called').fill('Blue phone');
    await phone.button('Save').click();
    await phone.page.getByText(phone.say('account.renamed')).waitFor();
    expect(device.label).toBe('Blue phone');

    await phone.button('Change key').click();
    await phone.page.getByText(phone.say('account.keyChanged')).waitFor();
    const second = device.key.x;
    expect(second).not.toBe(first);

    server.trouble(DEVICE_PATHS.rotate, { lose: true });
    await phone.button('Change key').click();
    await phone.page.getByText(/keeps both keys|has a new key/).waitFor();
    server.trouble(DEVICE_PATHS.rotate, undefined);
    expect(device.key.x).not.toBe(second);
    const { number } = server.ask({ application: 'Wiki' });
    await phone.waitForPrompt('Wiki');
    await phone.approve(number);
    expect(await phone.outcome()).toBe('Approved. You are being signed in.');
  });

  test('is removed at the server; without a network only here, after a warning', async () => {
    const { server } = lab;
    const phone = await lab.activated();
    await phone.activate(server.invite().link);
    expect(server.devices.size).toBe(2);
    await phone.openAccount('Daugava Shipping');
    await phone.button('Remove account').click();
    await phone.button('Remove').click();
    await phone.heading('Your accounts').waitFor();
    await expect.poll(() => server.devices.size, SOON).toBe(1);

    await phone.openAccount('Daugava Shipping');
    await phone.page.context().setOffline(true);
    await phone.button('Remove account').click();
    await phone.button('Remove').click();
    await phone.page.getByText(phone.say('account.removeUntold')).waitFor();
    await phone.button(phone.say('account.removeAnyway')).click();
    await phone.page.getByText(phone.say('home.empty')).waitFor();
    expect(server.devices.size).toBe(1);
  });
});

test('of two windows one asks, and both show', async () => {
  const { server } = lab;
  const phone = await lab.activated();
  const second = new Authenticator(await phone.page.context().newPage(), server.origin);
  await second.open();
  await expect.poll(() => server.waiting, SOON).toBe(1);
  // Long enough for another one to come.
  await new Promise((resolve) => setTimeout(resolve, 1500));
  expect(server.waiting).toBe(1);
  const { number } = server.ask({ application: 'Wiki' });
  await Promise.all([phone.waitForPrompt('Wiki'), second.waitForPrompt('Wiki')]);
  await second.approve(number);
  expect(await second.outcome()).toBe('Approved. You are being signed in.');
  await second.close();
  await phone.outcome();
});

test('a page that nobody sees does not ask; seen again, it asks at once', async () => {
  const { server } = lab;
  const phone = await lab.activated();
  await expect.poll(() => server.waiting, SOON).toBe(1);
  const turn = (state: 'hidden' | 'visible') =>
    phone.page.evaluate(
      `Object.defineProperty(document, 'visibilityState', { value: '${state}', configurable: true });
       document.dispatchEvent(new Event('visibilitychange'));`,
    );
  await turn('hidden');
  await expect.poll(() => server.waiting, SOON).toBe(0);
  server.ask({ application: 'Wiki' });
  const before = server.calls.length;
  await new Promise((resolve) => setTimeout(resolve, 1500));
  expect(server.calls).toHaveLength(before);
  await turn('visible');
  await phone.waitForPrompt('Wiki');
});
