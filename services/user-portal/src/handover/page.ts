import type { ErrorCode } from '@countersign/contracts';
import type { HandingOver, OpenQuestion } from '../session/state.ts';
import { jsonData, markup, type Html } from './markup.ts';
import { textsIn, type PageLanguage, type Texts } from './texts.ts';

export interface Look {
  organisation: string;
  language: PageLanguage;
  nonce: string;
}

/** Stands in every form of a page. */
export interface FormKey {
  /** Of the browser that it was written for. */
  form: string;
  /** Another one on each page that is shown: a form that is sent once more is told from one that is filled in once more. */
  page: string;
}

function page({ organisation, language }: Look, title: string, body: Html): string {
  const document = markup`<!doctype html>
    <html lang="${language}">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="color-scheme" content="light dark" />
        <meta name="robots" content="noindex" />
        <title>${title} · ${organisation}</title>
        <link rel="stylesheet" href="/verify/style.css" />
      </head>
      <body>
        <main>
          <p class="organisation">${organisation}</p>
          <h1>${title}</h1>
          ${body}
        </main>
      </body>
    </html>`;
  return document.text;
}

/** The question, as a form that works without any script. */
export function questionPage(
  look: Look,
  { question, application, username }: HandingOver,
  key: FormKey,
  problem: ErrorCode | undefined,
): string {
  const texts = textsIn(look.language);
  const hidden = markup`<input type="hidden" name="form" value="${key.form}" /><input
      type="hidden"
      name="page"
      value="${key.page}"
    />`;
  const isPasskey = question.method === 'passkey';
  const isRecovery = question.method === 'recovery';
  const sentence = sentenceFor(problem, question, texts);
  const answer = isPasskey
    ? markup`<form method="post" action="/verify/answer" id="passkey-form">
          ${hidden}<input type="hidden" name="passkey" />
          <button type="submit" class="main">${texts.usePasskey}</button>
          <noscript><p>${texts.needsScript}</p></noscript>
          <p id="passkey-problem" role="alert" hidden>${texts.passkeyFailed}</p>
        </form>
        <script type="application/json" id="passkey-options">
          ${jsonData(question.passkey ?? {})}
        </script>
        <script nonce="${look.nonce}" src="/verify/passkey.js"></script>`
    : markup`<form method="post" action="/verify/answer">
        ${hidden}
        <label for="code">${isRecovery ? texts.recoveryCode : texts.code}</label>
        <input
          id="code"
          name="code"
          autocomplete="one-time-code"
          inputmode="${isRecovery ? 'text' : 'numeric'}"
          maxlength="64"
          required
          autofocus
          ${sentence === undefined ? markup`` : markup`aria-describedby="problem" aria-invalid="true"`}
        />
        ${question.pin === true ? pinField(texts) : undefined}
        <button type="submit" class="main">${texts.verify}</button>
      </form>`;
  const resend =
    question.method === 'sms'
      ? markup`<form method="post" action="/verify/resend">${hidden}<button type="submit">${texts.resend}</button></form>`
      : undefined;
  const others = question.alternatives.map(
    (method) =>
      markup`<li>
        <form method="post" action="/verify/method">
          ${hidden} <input type="hidden" name="method" value="${method}" /><button type="submit">
            ${texts.methods[method]}
          </button>
        </form>
      </li>`,
  );
  return page(
    look,
    texts.title,
    markup`<p>${texts.intro({ application, username })}</p>
      <p class="prompt">${question.prompt}</p>
      ${sentence === undefined ? undefined : markup`<p id="problem" role="alert" class="problem">${sentence}</p>`}
      ${problem === 'PIN_NEEDED' ? markup`<p><a href="/">${texts.setPin}</a></p>` : undefined} ${answer} ${resend}
      ${
        others.length === 0
          ? undefined
          : markup`<h2>${texts.other}</h2>
              <ul>
                ${others}
              </ul>`
      }
      <form method="post" action="/verify/cancel">
        ${hidden}<button type="submit" class="quiet">${texts.cancel}</button>
      </form>`,
  );
}

/** Whoever has none yet leaves it empty, and hears after a right code where to set it. */
function pinField(texts: Texts): Html {
  return markup`<label for="pin">${texts.pin}</label>
    <input
      id="pin"
      name="pin"
      type="password"
      autocomplete="off"
      inputmode="numeric"
      maxlength="64"
      aria-describedby="pin-hint"
    />
    <p id="pin-hint">${texts.pinHint}</p>`;
}

function sentenceFor(problem: ErrorCode | undefined, { pin }: OpenQuestion, texts: Texts): string | undefined {
  if (problem === undefined) return undefined;
  // It is not said which of the two it was.
  if (problem === 'CODE_REJECTED' && pin === true) return texts.codeOrPinRejected;
  return texts.problems[problem] ?? texts.problems.other;
}

/** Takes the answer to the application: by itself, or by a button where no script runs. */
export function returnPage(look: Look, returnUrl: string, fields: Readonly<Record<string, string>>): string {
  const texts = textsIn(look.language);
  const inputs = Object.entries(fields).map(
    ([name, value]) => markup`<input type="hidden" name="${name}" value="${value}" />`,
  );
  return page(
    look,
    texts.title,
    markup`<p role="status">${texts.done}</p>
      <form method="post" action="${returnUrl}" id="return">
        ${inputs}<button type="submit" class="main">${texts.goOn}</button>
      </form>
      <script nonce="${look.nonce}">
        document.getElementById('return').submit();
      </script>`,
  );
}

/** Nobody knows where this person came from, so there is nowhere to send them. */
export function expiredPage(look: Look): string {
  const texts = textsIn(look.language);
  return page(look, texts.expiredTitle, markup`<p>${texts.expired}</p>`);
}

/** The question could not be asked. Loaded again, the page asks once more. */
export function problemPage(look: Look, problem: ErrorCode): string {
  const texts = textsIn(look.language);
  return page(
    look,
    texts.title,
    markup`<p role="alert" class="problem">${texts.problems[problem] ?? texts.problems.other}</p>`,
  );
}
