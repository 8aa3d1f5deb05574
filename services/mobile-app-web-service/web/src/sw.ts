/// <reference lib="webworker" />

/** What this file runs in; the other files run in pages. */
const worker = globalThis as unknown as ServiceWorkerGlobalScope;

/** What the app consists of, as it was built: name-shell.ts puts a version and the addresses in place of this. */
const [version = '', ...shell] = '__SHELL__'.split(' ');
const PREFIX = 'countersign-';
const CACHE = PREFIX + version;
const APP = '/app/';
const NOTICES = {
  en: { title: 'A sign-in waits for you', body: 'Open to see what is asked' },
  ru: { title: 'Ожидается подтверждение входа', body: 'Откройте, чтобы увидеть запрос' },
} as const;

worker.addEventListener('install', (event) => {
  const fresh = shell.map((address) => new Request(address, { cache: 'reload' }));
  event.waitUntil(caches.open(CACHE).then((cache) => cache.addAll(fresh)));
});

worker.addEventListener('activate', (event) => event.waitUntil(takeOver()));

async function takeOver(): Promise<void> {
  const names = await caches.keys();
  const old = names.filter((name) => name.startsWith(PREFIX) && name !== CACHE);
  await Promise.all(old.map((name) => caches.delete(name)));
  await worker.clients.claim();
}

/** A window that has nothing to lose asks for it: pages of two versions never run under one worker. */
worker.addEventListener('message', ({ data }) => {
  if (data === 'take-over') void worker.skipWaiting();
});

/** Of the shell alone. Whatever else is asked for, the API above all, goes to the server and is kept nowhere. */
worker.addEventListener('fetch', (event) => {
  const { method, mode, url } = event.request;
  const { origin, pathname } = new URL(url);
  if (method !== 'GET' || origin !== worker.location.origin) return;
  const address = mode === 'navigate' && pathname === APP ? APP : pathname;
  if (!shell.includes(address)) return;
  event.respondWith(
    caches
      .open(CACHE)
      .then((cache) => cache.match(address))
      .then((kept) => kept ?? fetch(event.request)),
  );
});

/** It says nothing of what is asked: whoever carries the message need not know, and a locked phone shows it to everybody. */
worker.addEventListener('push', (event) => {
  const isRussian = navigator.language.toLowerCase().startsWith('ru');
  const { title, body } = NOTICES[isRussian ? 'ru' : 'en'];
  const icon = `${APP}icons/icon-192.png`;
  event.waitUntil(worker.registration.showNotification(title, { body, icon, tag: 'countersign-prompt' }));
});

worker.addEventListener('notificationclick', (event) => {
  event.notification.close();
  event.waitUntil(openApp());
});

async function openApp(): Promise<void> {
  const windows = await worker.clients.matchAll({ type: 'window', includeUncontrolled: true });
  const open = windows.find(({ url }) => new URL(url).pathname.startsWith(APP));
  await (open === undefined ? worker.clients.openWindow(APP) : open.focus());
}
