import { expect, test } from 'vitest';
import { SOON, useLab } from './app.ts';

const lab = useLab();

const isControlled = 'navigator.serviceWorker.controller !== null';

test('the app starts without a network, and goes on when it is back', async () => {
  const phone = await lab.activated();
  await expect.poll(() => phone.page.evaluate(isControlled), SOON).toBe(true);
  await lab.server.stop();
  try {
    await phone.page.reload();
    await phone.heading('Your accounts').waitFor();
    await phone.page.getByText(phone.say('problem.OFFLINE')).waitFor();
  } finally {
    await lab.server.start();
  }
  lab.server.ask({ application: 'Wiki' });
  await phone.waitForPrompt('Wiki');
});

test('nothing of the API is kept', async () => {
  const phone = await lab.activated();
  await expect.poll(() => phone.page.evaluate(isControlled), SOON).toBe(true);
  lab.server.ask({ application: 'Wiki' });
  await phone.waitForPrompt('Wiki');
  const kept = await phone.page.evaluate<string[]>(
    `caches.keys().then((names) => Promise.all(names.map((name) => caches.open(name)
      .then((cache) => cache.keys()))).then((found) => found.flat().map(({ url }) => new URL(url).pathname)))`,
  );
  expect(kept).toContain('/app/');
  expect(kept.filter((path) => !path.startsWith('/app/'))).toEqual([]);
});

test('a newer version of the app is used when somebody wants it, or at the next start, and alone', async () => {
  const phone = await lab.activated();
  await expect.poll(() => phone.page.evaluate(isControlled), SOON).toBe(true);
  const caches = () => phone.page.evaluate<string[]>('caches.keys()').catch(() => []);

  lab.server.renew('aaaaaaaaaaaaaaaa');
  await phone.page.reload();
  await phone.button('Use it now').click();
  await expect.poll(caches, SOON).toEqual(['countersign-aaaaaaaaaaaaaaaa']);
  await phone.heading('Your accounts').waitFor();

  lab.server.renew('bbbbbbbbbbbbbbbb');
  await phone.page.reload();
  await phone.button('Use it now').waitFor();
  await phone.page.reload();
  await expect.poll(caches, SOON).toEqual(['countersign-bbbbbbbbbbbbbbbb']);
  await phone.heading('Your accounts').waitFor();
});

test('it can be installed', async () => {
  const phone = await lab.phone();
  await phone.open();
  const session = await phone.page.context().newCDPSession(phone.page);
  const { errors, url } = (await session.send('Page.getAppManifest')) as { errors: unknown[]; url: string };
  expect(url).toBe(`${lab.server.origin}/app/manifest.webmanifest`);
  expect(errors).toEqual([]);
  const { installabilityErrors } = await session.send('Page.getInstallabilityErrors');
  expect(installabilityErrors.map(({ errorId }) => errorId).filter((id) => id !== 'in-incognito')).toEqual([]);
});

test('a push shows that something waits, and nothing of it', async () => {
  const phone = await lab.activated({ permissions: ['notifications'] });
  await expect.poll(() => phone.page.evaluate(isControlled), SOON).toBe(true);
  const session = await phone.page.context().newCDPSession(phone.page);
  const registered = new Promise<string>((resolve) => {
    session.on('ServiceWorker.workerRegistrationUpdated', ({ registrations }) => {
      const found = registrations.find(({ scopeURL }) => scopeURL === `${lab.server.origin}/app/`);
      if (found !== undefined) resolve(found.registrationId);
    });
  });
  await session.send('ServiceWorker.enable');
  await session.send('ServiceWorker.deliverPushMessage', {
    origin: lab.server.origin,
    registrationId: await registered,
    data: '{"application":"Payroll"}',
  });
  const shown = () =>
    phone.page.evaluate<string[]>(
      `navigator.serviceWorker.ready.then((registration) => registration.getNotifications())
        .then((found) => found.map(({ title, body }) => title + ': ' + body))`,
    );
  await expect.poll(shown, SOON).toEqual(['A sign-in waits for you: Open to see what is asked']);
});

test('wake-ups are subscribed to where the person wants them, and ended', async () => {
  const phone = await lab.phone({ permissions: ['notifications'] });
  // There is no push service here.
  await phone.page.addInitScript(() => {
    const { PushManager } = globalThis as unknown as { PushManager: { prototype: { subscribe: unknown } } };
    PushManager.prototype.subscribe = ({ applicationServerKey }: { applicationServerKey: string }) =>
      Promise.resolve({
        toJSON: () => ({
          endpoint: `https://push.example/${applicationServerKey.length}`,
          keys: { p256dh: 'p', auth: 'a' },
        }),
      });
  });
  await phone.activate(lab.server.invite().link);
  const device = [...lab.server.devices.values()][0]!;
  await phone.openAccount('Daugava Shipping');
  await phone.button('Turn on').click();
  await phone.button('Turn off').waitFor();
  expect(device.push).toEqual({ endpoint: 'https://push.example/87', keys: { p256dh: 'p', auth: 'a' } });
  await phone.button('Turn off').click();
  await phone.button('Turn on').waitFor();
  expect(device.push).toBeNull();
});
