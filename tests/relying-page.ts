import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createLocalJWKSet, jwtVerify, type JSONWebKeySet } from 'jose';
import type { Client } from './client.ts';

/** An application that asks for an approval: its page shows the number, and waits. */
export interface RelyingPage {
  readonly url: string;
  stop(): Promise<void>;
}

const PAGE = `<!doctype html><title>Intranet</title><h1>Intranet</h1><button>Sign in</button><p id="said"></p><script>
  const said = document.querySelector('#said');
  document.querySelector('button').addEventListener('click', async () => {
    const { challengeId, number } = await (await fetch('/start', { method: 'POST' })).json();
    said.innerHTML = 'Type <b>' + number + '</b> into the app';
    said.textContent = await (await fetch('/wait/' + challengeId, { method: 'POST' })).text();
  });
</script>`;

export async function startRelyingPage(
  client: Client,
  [one, two]: readonly [string, string],
  username: string,
): Promise<RelyingPage> {
  const answers: [RegExp, (match: RegExpExecArray) => Promise<string>][] = [
    [
      /^\/start$/,
      async () =>
        (
          await client.start(one, {
            username,
            method: 'app',
            context: { location: 'Intranet page', device: 'Firefox' },
          })
        ).text,
    ],
    [/^\/wait\/([\w-]+)$/, async ([, challengeId = '']) => outcomeOf(challengeId)],
    [/^\/$/, async () => PAGE],
  ];

  async function outcomeOf(challengeId: string): Promise<string> {
    const { body } = await client.get(two, challengeId, 30);
    if (body.state !== 'approved') return `Not signed in: ${body.state}`;
    const claimed = await client.request(one, 'POST', `/v1/challenges/${challengeId}/claim`);
    const keys = await client.request(two, 'GET', '/.well-known/jwks.json');
    const published = createLocalJWKSet(keys.body as unknown as JSONWebKeySet);
    const { payload } = await jwtVerify(claimed.body.result ?? '', published, { algorithms: ['ES256'] });
    return `Welcome, ${String(payload['username'])}`;
  }

  const server = createServer((request, response) => {
    const answer = async () => {
      for (const [path, say] of answers) {
        const match = path.exec(request.url ?? '');
        if (match !== null) return say(match);
      }
      return '';
    };
    answer().then(
      (text) => response.end(text),
      (error: unknown) => response.writeHead(500).end(String(error)),
    );
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    stop: async () => {
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeAllConnections();
      await closed;
    },
  };
}
