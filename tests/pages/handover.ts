import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import type { ChallengeStateName } from '@countersign/contracts';
import { APPROVAL_SCRIPT, STYLE } from '../../services/user-portal/src/handover/assets.ts';
import { questionPage, returnPage, type Told } from '../../services/user-portal/src/handover/page.ts';
import type { PageLanguage } from '../../services/user-portal/src/handover/texts.ts';
import { contentSecurityPolicy, newNonce } from '@countersign/edge';
import { PORTAL_HEADERS } from '../../services/user-portal/src/headers.ts';
import { BY_PHONE, question } from './people.ts';

export interface HandoverStandIn {
  origin: string;
  /** What each request of the script is answered with, in turn; the last one from then on. A number is a status without an answer. */
  phoneSays: (...answers: (ChallengeStateName | number)[]) => void;
  language: PageLanguage;
  /** Forms that came, by path. */
  sent: { path: string; fields: Record<string, string> }[];
  close: () => Promise<void>;
}

/** The page that applications send people to, with a question on the phone, under the policy of the real portal. */
export async function startHandover(): Promise<HandoverStandIn> {
  let answers: (ChallengeStateName | number)[] = [];
  const state: Pick<HandoverStandIn, 'language' | 'sent'> = { language: 'en', sent: [] };
  const page = (told: Told | undefined, nonce: string) =>
    questionPage(
      { organisation: 'Daugava Shipping', language: state.language, nonce },
      {
        stage: 'handing-over',
        startedAt: 0,
        request: 'request',
        question: { ...question(BY_PHONE), challengeId: 'challenge' },
        application: 'Intranet',
        username: 'anna',
        returnUrl: '/return',
        returnState: 'state',
      },
      { form: 'form-key', page: 'page-key' },
      told,
    );
  const server = createServer((request, response) => {
    void text(request).then((body) => {
      const path = request.url ?? '/';
      const nonce = newNonce();
      const html = (document: string) =>
        response
          .writeHead(200, {
            ...PORTAL_HEADERS,
            'content-security-policy': contentSecurityPolicy({ nonce }),
            'content-type': 'text/html; charset=utf-8',
          })
          .end(document);
      const send = (type: string, content: string) => response.writeHead(200, { 'content-type': type }).end(content);
      if (request.method === 'POST') state.sent.push({ path, fields: Object.fromEntries(new URLSearchParams(body)) });
      // Asked again, nobody has answered yet.
      if (path === '/verify/method') answers = ['pending'];
      if (path === '/verify/style.css') return send('text/css', STYLE);
      if (path === '/verify/approval.js') return send('text/javascript', APPROVAL_SCRIPT);
      const [says = 'pending'] = answers;
      if (path === '/verify/wait') {
        if (answers.length > 1) answers.shift();
        if (typeof says === 'number') return response.writeHead(says).end();
        return send('application/json', JSON.stringify({ state: says }));
      }
      if (path === '/return') return html('<!doctype html><title>Intranet</title><h1>Welcome back</h1>');
      if (path !== '/verify/approved') return html(page(undefined, nonce));
      if (typeof says === 'number') return html(page('CHALLENGE_CLOSED', nonce));
      if (says !== 'approved') return html(page(says, nonce));
      const look = { organisation: 'Daugava Shipping', language: state.language, nonce };
      return html(returnPage(look, '/return', { result: 'signed', state: 'state' }));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return Object.assign(state, {
    origin: `http://localhost:${port}`,
    phoneSays: (...next: (ChallengeStateName | number)[]) => {
      answers = next;
      state.sent.length = 0;
    },
    close: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  });
}
