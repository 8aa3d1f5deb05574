import { join } from 'node:path';
import react from '@vitejs/plugin-react';
import { defineConfig } from 'vite';
import { precompress } from './precompress.ts';

const UI = join(import.meta.dirname, '../../../packages/ui/src');
/** The server puts the nonce of each answer in place of this (src/pages/shell.ts). */
const NONCE_PLACE = '__NONCE__';

export default defineConfig({
  root: import.meta.dirname,
  plugins: [react(), precompress(join(import.meta.dirname, 'dist'))],
  html: { cspNonce: NONCE_PLACE },
  // As it is written: nothing has to be built before.
  resolve: {
    alias: [
      { find: '@countersign/ui/ui.css', replacement: join(UI, 'ui.css') },
      { find: '@countersign/ui/i18n', replacement: join(UI, 'i18n.ts') },
      { find: '@countersign/ui', replacement: join(UI, 'index.ts') },
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
  },
});
