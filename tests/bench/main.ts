/** `npm run bench`: what a login costs. `npm run bench -- portal`: what a page of the portal costs. */
await(process.argv.includes('portal') ? import('./portal.ts') : import('./login.ts'));
