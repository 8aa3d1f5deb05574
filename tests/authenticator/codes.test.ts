import { base32Encode, totpCode } from '@countersign/otp';
import { expect, test } from 'vitest';
import rfc6238 from '../vectors/rfc6238-appendix-b.json' with { type: 'json' };
import { SOON, useLab } from './app.ts';

const lab = useLab();

function uriOf(account: string, secretAscii: string, more = ''): string {
  const secret = base32Encode(new TextEncoder().encode(secretAscii));
  return `otpauth://totp/Countersign:${account}?secret=${secret}&issuer=Countersign${more}`;
}

test('codes are shown without a network, as RFC 6238 has them, and copied', async () => {
  const phone = await lab.phone();
  await phone.open();
  const { secretsAscii, vectors } = rfc6238;
  for (const algorithm of ['SHA1', 'SHA256', 'SHA512'] as const) {
    await phone.addCodes(uriOf(algorithm, secretsAscii[algorithm], `&algorithm=${algorithm}&digits=8`));
  }
  await phone.page.context().setOffline(true);
  const of = (unixSeconds: number) => vectors.filter((vector) => vector.unixSeconds === unixSeconds);
  for (const unixSeconds of [1111111109, 20000000000]) {
    await phone.page.clock.setFixedTime(unixSeconds * 1000);
    for (const { algorithm, code } of of(unixSeconds)) {
      await expect.poll(() => phone.code(`Countersign · ${algorithm}`), SOON).toBe(code);
    }
  }
  await phone.button('Copy: Countersign · SHA1').click();
  await phone.page.getByText('Copied').waitFor();
  expect(await phone.page.evaluate('navigator.clipboard.readText()')).toBe('65353130');
});

test('the seed cannot be read out of the phone', async () => {
  const phone = await lab.phone();
  await phone.open();
  await phone.addCodes(uriOf('anna', '12345678901234567890'));
  const refusals = await phone.page.evaluate(async () => {
    const { indexedDB, crypto } = globalThis as unknown as {
      // oxlint-disable-next-line typescript/no-explicit-any -- this runs in the page, whose types are not those of Node
      indexedDB: any;
      crypto: { subtle: { exportKey: (format: string, key: unknown) => Promise<unknown> } };
    };
    const opened = indexedDB.open('countersign');
    await new Promise((resolve) => opened.addEventListener('success', resolve));
    const read = opened.result.transaction('codes').objectStore('codes').getAll();
    await new Promise((resolve) => read.addEventListener('success', resolve));
    const { key } = read.result[0];
    return Promise.all(
      ['raw', 'jwk'].map((format) => crypto.subtle.exportKey(format, key).catch((error: Error) => error.name)),
    );
  });
  expect(refusals).toEqual(['InvalidAccessError', 'InvalidAccessError']);
});

test('a phone whose clock is wrong shows the codes of the time that its server signed', async () => {
  const phone = await lab.activated({ clockBehindMs: 180_000 });
  await phone.addCodes(uriOf('anna', '12345678901234567890'));
  const secret = new TextEncoder().encode('12345678901234567890');
  const right = () =>
    totpCode({ secret, algorithm: 'SHA1', digits: 6, periodSeconds: 30 }, Math.floor(Date.now() / 30_000));
  await expect.poll(async () => (await phone.code('Countersign · anna')) === right(), SOON).toBe(true);
});

test('what is no link of an account is refused, and what cannot be shown rightly as well', async () => {
  const phone = await lab.phone();
  await phone.open();
  for (const text of ['https://example.com/', uriOf('anna', '12345678901234567890', '&digits=7')]) {
    await phone.paste(text);
    await phone.page.getByText(phone.say('paste.unknown')).waitFor();
    await phone.page.goBack();
    await phone.page.goBack();
  }
  expect(await phone.page.getByText(phone.say('home.empty')).count()).toBe(1);
});

test('codes are removed after a warning', async () => {
  const phone = await lab.phone();
  await phone.open();
  await phone.addCodes(uriOf('anna', '12345678901234567890'));
  await phone.button('Remove: Countersign · anna').click();
  await phone.page.getByText(phone.say('codes.removeText')).waitFor();
  await phone.button('Remove').click();
  await phone.page.getByText(phone.say('home.empty')).waitFor();
  expect(await phone.page.locator('.code').count()).toBe(0);
});
