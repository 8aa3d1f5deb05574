import { join } from 'node:path';
import react from '@vitejs/plugin-react';
import { defineConfig } from 'vite';
import { nameShell } from './name-shell.ts';

const PACKAGES = join(import.meta.dirname, '../../../packages');
/** The server puts the nonce of each answer in place of this. */
const NONCE_PLACE = '__NONCE__';
/** Where activation links lead: packages/device-protocol/src/activation-link.ts. */
const BASE = '/app/';

export default defineConfig({
  root: import.meta.dirname,
  base: BASE,
  plugins: [react(), nameShell(join(import.meta.dirname, 'dist'), BASE)],
  html: { cspNonce: NONCE_PLACE },
  // As it is written: nothing has to be built before.
  resolve: {
    alias: [
      { find: '@countersign/ui/ui.css', replacement: join(PACKAGES, 'ui/src/ui.css') },
      { find: '@countersign/ui/i18n', replacement: join(PACKAGES, 'ui/src/i18n.ts') },
      { find: '@countersign/ui', replacement: join(PACKAGES, 'ui/src/index.ts') },
      { find: '@countersign/contracts/device-paths', replacement: join(PACKAGES, 'contracts/src/device-paths.ts') },
      { find: '@countersign/otp/base32', replacement: join(PACKAGES, 'otp/src/base32.ts') },
      { find: '@countersign/device-protocol', replacement: join(PACKAGES, 'device-protocol/src/index.ts') },
    ],
  },
  build: {
    outDir: 'dist',
    emptyOutDir: true,
    target: 'es2022',
    // Inlined ones would be `data:`, which the policy of the page allows for images alone.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
    rolldownOptions: {
      input: { index: join(import.meta.dirname, 'index.html'), sw: join(import.meta.dirname, 'src/sw.ts') },
      output: {
        // A worker rules the folder that it is served from, under one name for ever.
        entryFileNames: ({ name }) => (name === 'sw' ? 'sw.js' : 'assets/[name]-[hash].js'),
      },
    },
  },
});
