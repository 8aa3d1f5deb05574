import { applyTheme, storedTheme } from '@countersign/ui';
import { createElement } from 'react';
import { createRoot } from 'react-dom/client';
import '@countersign/ui/ui.css';
import './app.css';
import { App } from './app.tsx';
import { KeepsNothing } from './keeps-nothing.tsx';
import { browserPasskeys } from './passkeys.ts';
import type { Phone } from './phone.ts';
import { openStore } from './store/store.ts';
import { takeFragment } from './take-fragment.ts';
import { applyLarge, isTextLarge } from './text-size.ts';
import { pause } from './watch/pause.ts';

// Before anything else, and before anybody looks over a shoulder.
const opened = takeFragment();
const root = document.querySelector('#root');
if (root !== null) createRoot(root).render(await begin().catch(keepsNothing));

async function begin() {
  applyTheme(storedTheme());
  applyLarge(isTextLarge());
  const phone: Phone = {
    store: await openStore(),
    outside: {
      fetch: (...asked) => fetch(...asked),
      nowMs: () => Date.now(),
      randomBytes: (count) => crypto.getRandomValues(new Uint8Array(count)),
    },
    pause,
    passkeys: browserPasskeys,
    server: location.origin,
  };
  return createElement(App, { phone, opened });
}

function keepsNothing() {
  return createElement(KeepsNothing, { languages: navigator.languages });
}
