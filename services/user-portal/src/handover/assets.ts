/** The look of the page: that of the others, in as few rules as it needs. */
export const STYLE = `:root{color-scheme:light dark;--ink:#1b1f24;--paper:#f6f7f9;--card:#fff;--line:#c9ced6;--accent:#1f5fbf;--on-accent:#fff;--bad:#b3261e;--muted:#59616d}
@media (prefers-color-scheme:dark){:root{--ink:#e8eaed;--paper:#14171b;--card:#1d2127;--line:#3d444e;--accent:#8ab4f8;--on-accent:#10233f;--bad:#f2b8b5;--muted:#a8b0bb}}
*{box-sizing:border-box}
body{margin:0;background:var(--paper);color:var(--ink);font:1rem/1.5 system-ui,sans-serif;display:flex;justify-content:center;padding:1rem}
main{width:100%;max-width:26rem;margin-top:6vh;background:var(--card);border:1px solid var(--line);border-radius:.75rem;padding:1.5rem;overflow-wrap:anywhere}
h1{font-size:1.35rem;line-height:1.3;margin:.25rem 0 1rem}
h2{font-size:1rem;margin:1.5rem 0 .5rem}
.organisation,.prompt{color:var(--muted);margin:0}
.prompt{margin:0 0 1rem}
label{display:block;font-weight:600;margin-bottom:.25rem}
input:not([type=hidden]){width:100%;font:inherit;font-size:1.25rem;letter-spacing:.08em;padding:.6rem .75rem;min-height:2.75rem;border:1px solid var(--line);border-radius:.5rem;background:var(--paper);color:var(--ink)}
button{font:inherit;min-height:2.75rem;width:100%;margin-top:.75rem;padding:.5rem 1rem;border:1px solid var(--line);border-radius:.5rem;background:none;color:var(--ink);cursor:pointer}
button.main{background:var(--accent);border-color:var(--accent);color:var(--on-accent);font-weight:600}
button.quiet{border-color:transparent;color:var(--muted)}
:focus-visible{outline:3px solid var(--accent);outline-offset:2px}
ul{list-style:none;margin:0;padding:0}
.number{font-size:3rem;line-height:1.2;font-weight:700;letter-spacing:.15em;text-align:center;margin:0 0 1rem;font-variant-numeric:tabular-nums}
.heard{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%);white-space:nowrap}
.problem,#passkey-problem{color:var(--bad);font-weight:600}
`;

/** Asks the browser for a passkey, and hands its answer to the form. */
export const PASSKEY_SCRIPT = `'use strict';
(() => {
  const form = document.getElementById('passkey-form');
  const options = JSON.parse(document.getElementById('passkey-options').textContent);
  const problem = document.getElementById('passkey-problem');
  form.addEventListener('submit', async (event) => {
    if (form.elements.passkey.value !== '') return;
    event.preventDefault();
    problem.hidden = true;
    try {
      const publicKey = PublicKeyCredential.parseRequestOptionsFromJSON(options);
      const credential = await navigator.credentials.get({ publicKey });
      form.elements.passkey.value = JSON.stringify(credential.toJSON());
      form.submit();
    } catch {
      problem.hidden = false;
    }
  });
})();
`;

/** Waits for the answer on the phone, and then presses the button. What it cannot find out, the button finds out. */
export const APPROVAL_SCRIPT = `'use strict';
(async () => {
  const form = document.getElementById('approval-form');
  const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
  const look = async () => {
    const response = await fetch('/verify/wait', { method: 'POST', body: new URLSearchParams(new FormData(form)) });
    if (response.ok) return (await response.json()).state;
    return [404, 409, 410].includes(response.status) ? 'over' : 'unknown';
  };
  document.getElementById('approval-waiting').hidden = false;
  for (;;) {
    const state = await look().catch(() => 'unknown');
    if (state !== 'pending' && state !== 'unknown') return form.submit();
    await pause(state === 'pending' ? 500 : 3000);
  }
})();
`;
