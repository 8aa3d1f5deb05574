// Shows the messages of the development inbox, newest first, as they arrive. Everything from a message is set as text.
const SHOWN = 200;

const list = document.querySelector('#messages');
const empty = document.querySelector('#empty');
const state = document.querySelector('#state');
const filter = document.querySelector('#filter');
const template = document.querySelector('#message');

const seen = new Set();

function show(message) {
  if (seen.has(message.id)) return;
  seen.add(message.id);
  const item = template.content.cloneNode(true).firstElementChild;
  item.querySelector('.channel').textContent = message.channel;
  item.querySelector('.to').textContent = message.to;
  item.querySelector('.text').textContent = message.text;
  const time = item.querySelector('time');
  time.dateTime = message.at;
  time.textContent = new Date(message.at).toLocaleString(undefined, { dateStyle: 'short', timeStyle: 'medium' });
  showCode(item, message.text);
  item.hidden = !matches(item);
  list.prepend(item);
  while (list.children.length > SHOWN) list.lastElementChild.remove();
  tellState();
}

function showCode(item, text) {
  const code = /(?<!\d)\d{6,10}(?!\d)/.exec(text)?.[0];
  if (code === undefined) return;
  item.querySelector('.code').hidden = false;
  item.querySelector('output').textContent = code;
  const button = item.querySelector('button');
  button.addEventListener('click', async () => {
    await navigator.clipboard.writeText(code);
    button.textContent = 'Copied';
    setTimeout(() => (button.textContent = 'Copy code'), 1500);
  });
}

function matches(item) {
  return item.textContent.toLowerCase().includes(filter.value.trim().toLowerCase());
}

let connected = false;
function tellState() {
  const shown = [...list.children].filter((item) => !item.hidden).length;
  empty.hidden = list.children.length > 0;
  const count = shown === list.children.length ? `${shown}` : `${shown} of ${list.children.length}`;
  state.textContent = connected ? `Live. ${count} shown.` : `Not connected, trying again. ${count} shown.`;
}

filter.addEventListener('input', () => {
  for (const item of list.children) item.hidden = !matches(item);
  tellState();
});

async function catchUp() {
  const response = await fetch(`/api/messages?limit=${SHOWN}`);
  const messages = await response.json();
  list.replaceChildren();
  seen.clear();
  for (const message of messages.toReversed()) show(message);
}

const stream = new EventSource('/api/messages/stream');
stream.addEventListener('message', (event) => show(JSON.parse(event.data)));
stream.addEventListener('open', () => {
  connected = true;
  tellState();
  void catchUp();
});
stream.addEventListener('error', () => {
  connected = false;
  tellState();
});
