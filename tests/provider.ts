// First, since the provider speaks as soon as it is loaded.
import './provider-notices.ts';
import { createServer, type Server } from 'node:https';
import type { ServerResponse } from 'node:http';
import { createAuthority, freePort, issueCertificate } from '@countersign/testkit';
import { decodeJwt, decodeProtectedHeader, exportJWK, generateKeyPair, SignJWT, type JWTPayload } from 'jose';
import Provider from 'oidc-provider';

const CLIENT_ID = 'countersign-portal';
const CLIENT_SECRET = 'a-secret-of-the-portal-and-the-provider';

export interface TestProvider {
  issuer: string;
  /** For the portals and for app-server. */
  environment: Record<string, string>;
  clientSecret: string;
  /** Keeps people with the provider, who would go back to the portal: their way back is said here. */
  holdBack(): Promise<string>;
  /** What the next ID token says in place of the truth, signed by the provider, or by whoever is named. */
  lie(change: (claims: JWTPayload) => JWTPayload, key?: CryptoKey): void;
  goAway(): Promise<void>;
  comeBack(): Promise<void>;
}

/**
 * A certified OpenID provider (npm oidc-provider) at a host that is not the portal's, so that a browser counts the way back as cross-site.
 * Whoever signs in is whom they say: `anna` has the subject `anna` and the upn `anna@example.com`.
 */
export async function startProvider(returnUrl: string): Promise<TestProvider> {
  const port = await freePort();
  const issuer = `https://127.0.0.1:${port}`;
  const authority = await createAuthority({ commonName: 'Provider', now: Date.now() });
  const pair = await issueCertificate(authority, { commonName: 'localhost', usage: 'server', now: Date.now() });
  const keys = await generateKeyPair('ES256', { extractable: true });
  const provider = new Provider(issuer, {
    clients: [
      {
        client_id: CLIENT_ID,
        client_secret: CLIENT_SECRET,
        redirect_uris: [returnUrl],
        id_token_signed_response_alg: 'ES256',
      },
    ],
    jwks: { keys: [{ ...(await exportJWK(keys.privateKey)), kid: 'k', alg: 'ES256', use: 'sig' }] },
    claims: { openid: ['sub'], profile: ['upn'] },
    // As AD FS and Entra ID do it: names stand in the ID token.
    conformIdTokenClaims: false,
    pkce: { required: () => true },
    cookies: { keys: ['of a test'] },
    findAccount: (_context: unknown, name: string) => ({
      accountId: name,
      claims: () => ({ sub: name, upn: `${name}@example.com` }),
    }),
  });
  const answer = provider.callback();

  let held: ((url: string) => void) | undefined;
  let lie: { change: (claims: JWTPayload) => JWTPayload; key: CryptoKey } | undefined;
  const onEnd = async (path: string, response: ServerResponse, body: string): Promise<string> => {
    const location = response.getHeader('location');
    if (held !== undefined && typeof location === 'string' && location.startsWith(returnUrl)) {
      held(location);
      held = undefined;
      response.statusCode = 200;
      response.removeHeader('location');
      return 'held back';
    }
    if (lie === undefined || path !== '/token') return body;
    const said = JSON.parse(body) as { id_token: string };
    const { change, key } = lie;
    lie = undefined;
    const token = new SignJWT(change(decodeJwt(said.id_token)));
    const header = { alg: 'ES256', kid: decodeProtectedHeader(said.id_token).kid ?? 'k' };
    return JSON.stringify({ ...said, id_token: await token.setProtectedHeader(header).sign(key) });
  };

  let server: Server | undefined;
  const comeBack = () =>
    new Promise<void>((resolve) => {
      server = createServer({ cert: pair.certificatePem, key: pair.keyPem }, (request, response) => {
        const end = response.end.bind(response) as (body?: unknown) => ServerResponse;
        response.end = ((body?: unknown) => {
          if (typeof body !== 'string') return end(body);
          void onEnd(request.url ?? '', response, body).then((changed) => {
            response.setHeader('content-length', Buffer.byteLength(changed));
            end(changed);
          });
          return response;
        }) as ServerResponse['end'];
        void answer(request, response);
      }).listen(port, '127.0.0.1', resolve);
    });
  await comeBack();
  return {
    issuer,
    clientSecret: CLIENT_SECRET,
    environment: {
      COUNTERSIGN_OIDC_ISSUER: issuer,
      COUNTERSIGN_OIDC_CLIENT_ID: CLIENT_ID,
      COUNTERSIGN_OIDC_CA: authority.certificatePem,
    },
    holdBack: () => new Promise((resolve) => (held = resolve)),
    lie: (change, key = keys.privateKey) => {
      lie = { change, key };
    },
    goAway: () =>
      new Promise((resolve) => {
        server?.close(() => resolve());
        server?.closeAllConnections();
      }),
    comeBack,
  };
}
