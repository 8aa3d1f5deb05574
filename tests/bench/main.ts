/**
 * `npm run bench`: what a login costs. `npm run bench -- portal`: what a page of the portal costs. `npm run bench -- phones`: what phones cost
 * that wait.
 */
const wanted = (part: string) => process.argv.includes(part);
await(wanted('portal') ? import('./portal.ts') : wanted('phones') ? import('./phones.ts') : import('./login.ts'));
