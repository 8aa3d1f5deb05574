import { expect, test } from 'vitest';
import { useLab } from './app.ts';
import { qrFilm } from './qr-film.ts';

const lab = useLab({ film: qrFilm() });

test('a QR code before the camera is read, and asked about', async () => {
  const phone = await lab.phone({ permissions: ['camera'] });
  await phone.open();
  await phone.add('scan');
  await phone.heading('Add codes of “Countersign · camera”?').waitFor();
  await phone.button('Add codes').click();
  expect(await phone.code('Countersign · camera')).toMatch(/^[0-9]{6}$/);
});

test('without leave to use the camera there is the other way', async () => {
  const phone = await lab.phone({ permissions: [] });
  await phone.open();
  await phone.add('scan');
  await phone.page.getByText(phone.say('scan.refused')).waitFor();
  await phone.button('Type the code').click();
  await phone.heading('Type the code').waitFor();
  expect(await phone.page.getByLabel('Activation code').count()).toBe(1);
});
