/**
 * `npm run bench`: what a login costs. `npm run bench -- portal`: what a page of the portal costs. `npm run bench -- phones`: what phones cost
 * that wait. `npm run bench -- radius`: what a login over RADIUS costs.
 */
const BENCHES: Readonly<Record<string, () => Promise<unknown>>> = {
  portal: () => import('./portal.ts'),
  phones: () => import('./phones.ts'),
  radius: () => import('./radius.ts'),
};
const wanted = Object.keys(BENCHES).find((part) => process.argv.includes(part));
await(wanted === undefined ? import('./login.ts') : BENCHES[wanted]?.());
