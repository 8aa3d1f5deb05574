import { CHALLENGE_STATES, type ChallengeStateName, type ErrorCode, type Method } from '@countersign/contracts';
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

/** What a person is told beside the question: what went wrong, or what became of it on the phone. */
export type Told = ErrorCode | Exclude<ChallengeStateName, 'approved'>;

/** The question, as a form that works without any script. */
export function questionPage(
  look: Look,
  { question, application, username }: HandingOver,
  key: FormKey,
  told: Told | undefined,
): string {
  const texts = textsIn(look.language);
  const hidden = markup`<input type="hidden" name="form" value="${key.form}" /><input
      type="hidden"
      name="page"
      value="${key.page}"
    />`;
  const isOver = question.method === 'app' && told !== undefined && OVER.has(told);
  const sentence = sentenceFor(told, question, isOver, texts);
  const others = question.alternatives.map(
    (method) => markup`<li>${methodForm(hidden, method, texts.methods[method], false)}</li>`,
  );
  const resend =
    question.method === 'sms'
      ? markup`<form method="post" action="/verify/resend">${hidden}<button type="submit">${texts.resend}</button></form>`
      : undefined;
  return page(
    look,
    texts.title,
    markup`<p>${texts.intro({ application, username })}</p>
      ${isOver ? undefined : markup`<p class="prompt">${question.prompt}</p>`}
      ${sentence === undefined ? undefined : markup`<p id="problem" role="alert" class="problem">${sentence}</p>`}
      ${told === 'PIN_NEEDED' ? markup`<p><a href="/">${texts.setPin}</a></p>` : undefined}
      ${isOver ? methodForm(hidden, 'app', texts.askAgain, true) : answerForm(look, question, hidden, sentence)} ${resend}
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

/** After these no answer on the phone comes any more. */
const OVER: ReadonlySet<Told> = new Set(['denied', 'cancelled', 'expired', 'CHALLENGE_CLOSED', 'CHALLENGE_NOT_FOUND']);

function methodForm(hidden: Html, method: Method, text: string, isMain: boolean): Html {
  return markup`<form method="post" action="/verify/method">
    ${hidden} <input type="hidden" name="method" value="${method}" /><button
      type="submit"
      ${isMain ? markup`class="main"` : undefined}
    >
      ${text}
    </button>
  </form>`;
}

/** How the question is answered, by its method. */
function answerForm(look: Look, question: OpenQuestion, hidden: Html, sentence: string | undefined): Html {
  if (question.method === 'passkey') return passkeyForm(look, question, hidden);
  if (question.method === 'app') return approvalForm(look, question, hidden);
  return codeForm(look, question, hidden, sentence);
}

function passkeyForm(look: Look, { passkey }: OpenQuestion, hidden: Html): Html {
  const texts = textsIn(look.language);
  return markup`<form method="post" action="/verify/answer" id="passkey-form">
      ${hidden}<input type="hidden" name="passkey" />
      <button type="submit" class="main">${texts.usePasskey}</button>
      <noscript><p>${texts.needsScript}</p></noscript>
      <p id="passkey-problem" role="alert" hidden>${texts.passkeyFailed}</p>
    </form>
    <script type="application/json" id="passkey-options">
      ${jsonData(passkey ?? {})}
    </script>
    <script nonce="${look.nonce}" src="/verify/passkey.js"></script>`;
}

/** The number to type on the phone. With a script the page goes on by itself, without one by the button. */
function approvalForm(look: Look, { number = '' }: OpenQuestion, hidden: Html): Html {
  const texts = textsIn(look.language);
  return markup`<p>${texts.approveWhere}</p>
    <p class="number">
      <span class="heard">${texts.number(number.split('').join(' '))}</span><span aria-hidden="true">${number}</span>
    </p>
    <p id="approval-waiting" role="status" hidden>${texts.waiting}</p>
    <form method="post" action="/verify/approved" id="approval-form">
      ${hidden}<button type="submit" class="main">${texts.approved}</button>
    </form>
    <script nonce="${look.nonce}" src="/verify/approval.js"></script>`;
}

function codeForm(look: Look, question: OpenQuestion, hidden: Html, sentence: string | undefined): Html {
  const texts = textsIn(look.language);
  const isRecovery = question.method === 'recovery';
  return markup`<form method="post" action="/verify/answer">
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

function sentenceFor(told: Told | undefined, { pin }: OpenQuestion, isOver: boolean, texts: Texts): string | undefined {
  if (told === undefined) return undefined;
  if (isOutcome(told)) return texts.outcomes[told];
  if (isOver) return texts.outcomes.cancelled;
  // It is not said which of the two it was.
  if (told === 'CODE_REJECTED' && pin === true) return texts.codeOrPinRejected;
  return texts.problems[told] ?? texts.problems.other;
}

function isOutcome(told: Told): told is Exclude<Told, ErrorCode> {
  return CHALLENGE_STATES.some((state) => state === told);
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
