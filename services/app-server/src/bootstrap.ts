/**
 * Makes the first administrator: an application with the scope `admin`, whose key is printed once, as JSON.
 * `node --conditions=source services/app-server/src/bootstrap.ts [name]`, with the settings of app-server. It needs the password of
 * the database, so whoever is locked out and holds that can make a further one under another name. An authority.json that the
 * settings name is taken into the database, so that the first start finds it there.
 */
import { randomBytes } from 'node:crypto';
import { readOrExit } from '@countersign/config';
import { uuidFrom } from '@countersign/contracts';
import { newApiKey } from './application/credentials.ts';
import { insertApplication, insertKey } from './application/store.ts';
import { recordAdministration } from './audit/administration.ts';
import { migrate } from './database/migrate.ts';
import { createRouter } from './database/router.ts';
import { ENVIRONMENT } from './environment.ts';
import { checkCanary } from './keys/canary.ts';
import { loadKeyRing } from './keys/ring.ts';
import { adoptKeyRoot } from './keys/root.ts';
import { adoptAuthority } from './replica/authority.ts';

const environment = readOrExit(ENVIRONMENT, process.env, (read) => read);
const urls = environment.COUNTERSIGN_POSTGRES_URLS;
const name = process.argv[2] ?? 'admin';
const now = Date.now();
const applicationId = uuidFrom(randomBytes(16));
const key = newApiKey(randomBytes(6).toString('hex'));

await migrate(environment.COUNTERSIGN_POSTGRES_OWNER_URLS ?? urls);
const router = createRouter({ urls, now: () => Date.now() });
if (environment.COUNTERSIGN_AUTHORITY !== undefined) {
  const ring = loadKeyRing(environment.COUNTERSIGN_KEY_RING);
  const clock = () => Date.now();
  await adoptKeyRoot(router, ring, clock);
  await checkCanary(router, ring, clock);
  await adoptAuthority({ router, ring, now: clock }, environment.COUNTERSIGN_AUTHORITY);
}
const made = await router.write((db) =>
  db.transaction().execute(async (transaction) => {
    if (!(await insertApplication(transaction, { applicationId, name, scopes: ['admin'] }, new Date(now))))
      return false;
    await insertKey(transaction, { ...key, applicationId }, new Date(now));
    const attemptId = `bootstrap-${key.keyId}`;
    await recordAdministration(transaction, {
      type: 'application.bootstrap',
      at: now,
      attemptId,
      actor: 'bootstrap',
      applicationId,
      detail: { name, keyId: key.keyId },
    });
    return true;
  }),
);
await router.close();
if (made) process.stdout.write(`${JSON.stringify({ applicationId, name, keyId: key.keyId, apiKey: key.text })}\n`);
else {
  process.stderr.write(
    `There is an application named ${name} already. Give another name to make a further administrator.\n`,
  );
  process.exitCode = 1;
}
