import { createPublicKey, randomBytes, randomInt, randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { ACTIVATION_PATHS, DEVICE_PATHS } from '@countersign/contracts';
import {
  activationCodeHash,
  activationLink,
  generateKeyPair,
  importPublicKey,
  isFresh,
  parsePasskeyKey,
  parsePublicKey,
  passkeyChallenge,
  removalChallenge,
  parseSignature,
  signActivated,
  signKeySet,
  signOutcome,
  signPrompts,
  thumbprintOf,
  verifyActivationProof,
  verifyDecision,
  verifyPasskey,
  verifyRequest,
  verifyRotation,
  type Decision,
  type KeyPair,
  type Outcome,
  type PasskeyKey,
  type Prompt,
  type PublicKeyJwk,
} from '@countersign/device-protocol';
import { createAuthority, issueCertificate } from '@countersign/testkit';
import { fastify } from 'fastify';
import { serveApp } from '../../services/mobile-app-web-service/src/app-pages.ts';
import { MOBILE_HEADERS } from '../../services/mobile-app-web-service/src/headers.ts';

const ORGANISATION = 'Daugava Shipping';
const PERSON = 'anna@daugava.example';
/** What `vite build web` made. */
const PAGES = join(import.meta.dirname, '../../services/mobile-app-web-service/web/dist');
/** Of nobody: no push service is asked. */
const PUSH_KEY = Buffer.alloc(65, 4).toString('base64url');
const WORKER = '/app/sw.js';
const RELEASE_OF_APP = /[0-9a-f]{16}(?= \/app\/)/;
const LIFETIME_MS = 120_000;

class Refusal extends Error {
  readonly status: number;
  readonly retryAfterSeconds: number | undefined;
  constructor(status: number, code: string, retryAfterSeconds?: number) {
    super(code);
    this.status = status;
    this.retryAfterSeconds = retryAfterSeconds;
  }
}

interface Invited {
  link: string;
  activationCode: string;
  activationId: string;
}
interface Registered {
  deviceId: string;
  key: PublicKeyJwk;
  label: string;
  push?: unknown;
  passkey?: { credentialId: string; key: PasskeyKey };
  /** Of the passkey that is being made. */
  challenge?: string;
}
/** As the contract has it. */
interface Assertion {
  credentialId: string;
  clientDataJSON: string;
  authenticatorData: string;
  signature: string;
}
interface Challenge {
  prompt: Prompt;
  number: string;
  state: Outcome['state'] | 'open';
  decision?: Decision;
  /** A passkey has signed the approval as well. */
  isConfirmed?: boolean;
}
export interface Question {
  application?: string;
  source?: string;
  message?: string;
  digits?: number;
  lifetimeMs?: number;
}
/** What goes wrong with a call: it is refused, its answer is lost after the work was done, or what the server signed is altered underway. */
export type Trouble =
  | { refuse: string; status: number; retryAfterSeconds?: number }
  | { lose: true }
  | { alter: (statement: string) => string };

export interface StandIn {
  origin: string;
  devices: ReadonlyMap<string, Registered>;
  /** How many polls wait for an answer. */
  readonly waiting: number;
  /** Paths of calls, in the order in which they came. */
  calls: readonly string[];
  invite: (server?: string) => Invited;
  /** Asks every phone. @returns what the other screen shows, beside what tells the challenge. */
  ask: (question?: Question) => { challengeId: string; number: string };
  challenge: (challengeId: string) => Challenge;
  withdraw: (challengeId: string) => void;
  /** As when the helpdesk removes every phone. */
  revoke: () => void;
  /** As where the policy has it: nothing is approved without a passkey. Until `forget`. */
  demandPasskeys: () => void;
  /** A new key signs from now on, which only the chain of key sets leads to. */
  changeKey: () => Promise<void>;
  /** As when a newer version of the app is installed. @param release 16 hexadecimal digits. */
  renew: (release: string) => void;
  /** As if nobody had ever been here. */
  forget: () => void;
  /** Of a call by its path, from now on; undefined ends it. */
  trouble: (path: string, trouble: Trouble | undefined) => void;
  stop: () => Promise<void>;
  start: () => Promise<void>;
}

/** The built app as the real service serves it, and an API that keeps everything in mind and checks what phones sign. */
export async function startStandIn(): Promise<StandIn> {
  if (!existsSync(join(PAGES, 'index.html'))) {
    throw new Error('the app is not built: vite build web, in services/mobile-app-web-service');
  }
  const now = Date.now();
  const authority = await createAuthority({ commonName: 'Countersign test authority', now });
  const { certificatePem: cert, keyPem: key } = await issueCertificate(authority, {
    commonName: 'localhost',
    usage: 'server',
    now,
  });
  const mind = await newMind();
  const app = fastify({ serverFactory: (handler) => createServer({ cert, key }, handler) });
  app.addHook('onRequest', (_request, reply, done) => {
    reply.headers({ ...MOBILE_HEADERS, 'cache-control': 'no-store' });
    done();
  });
  serveApp(app, PAGES);
  app.addHook('onSend', async ({ url }, _reply, payload) =>
    url === WORKER && mind.release !== undefined ? String(payload).replace(RELEASE_OF_APP, mind.release) : payload,
  );
  // The body is read as it came: its very text was signed.
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', (_request, _body, done) => done(null));
  app.post('*', ({ raw: request, url }, reply) => {
    reply.hijack();
    const { pathname } = new URL(url, mind.origin);
    mind.answer(pathname, request, reply.raw).catch((error: unknown) => {
      reply.raw.destroy(error instanceof Error ? error : undefined);
    });
  });
  await app.ready();
  const { server } = app;
  const listen = (port: number) => new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  const stop = () =>
    new Promise<void>((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    });
  await listen(0);
  const { port } = server.address() as AddressInfo;
  mind.origin = `https://localhost:${port}`;
  return Object.assign(mind.controls, { origin: mind.origin, stop, start: () => listen(port) });
}

interface Mind {
  origin: string;
  /** Of the app, in place of the one that was built. */
  release: string | undefined;
  controls: Omit<StandIn, 'origin' | 'stop' | 'start'>;
  answer: (path: string, request: IncomingMessage, response: ServerResponse) => Promise<void>;
}

async function newMind(): Promise<Mind> {
  let serverKey = await generateKeyPair();
  let version = 1;
  let arePasskeysDemanded = false;
  const keySets: string[] = [];
  const invited = new Map<string, Invited & { code: string; pin: string }>();
  const devices = new Map<string, Registered>();
  const challenges = new Map<string, Challenge>();
  const nonces = new Set<string>();
  const calls: string[] = [];
  const troubles = new Map<string, Trouble>();
  const waiting = new Set<() => void>();
  const wake = () => {
    for (const one of waiting) one();
  };
  const signer = ({ privateKey, thumbprint }: KeyPair) => ({ privateKey, keyId: thumbprint });
  const keySet = () => ({ v: 1 as const, version, at: Date.now(), keys: [{ ...serverKey.publicKey }] });

  const open = () => {
    for (const challenge of challenges.values()) {
      if (challenge.state === 'open' && challenge.prompt.displayed.expiresAt <= Date.now()) challenge.state = 'expired';
    }
    return [...challenges.values()].filter(({ state }) => state === 'open');
  };

  /** The phone that signed it, once its signature, clock and nonce are found to be right. */
  async function deviceOf(path: string, request: IncomingMessage, body: string) {
    const header = (name: string) => String(request.headers[name] ?? '');
    const headers = { 'signature-input': header('signature-input'), signature: header('signature') };
    const signature = parseSignature(headers, true);
    if (signature === undefined) throw new Refusal(401, 'SIGNATURE_INVALID');
    const thumbprints = await Promise.all([...devices.values()].map(({ key }) => thumbprintOf(key)));
    const device = [...devices.values()][thumbprints.indexOf(signature.keyId)];
    if (device === undefined) throw new Refusal(401, 'DEVICE_UNKNOWN');
    if (!isFresh(signature, Math.floor(Date.now() / 1000))) throw new Refusal(401, 'CLOCK_WRONG');
    const signed = {
      method: 'POST',
      authority: new URL(mind.origin).host,
      path,
      query: '?',
      body: new TextEncoder().encode(body),
    };
    const publicKey = (await importPublicKey(device.key))!;
    const isSigned = await verifyRequest(signed, signature, header('content-digest'), publicKey);
    if (!isSigned) throw new Refusal(401, 'SIGNATURE_INVALID');
    if (nonces.has(signature.nonce)) throw new Refusal(401, 'REPLAYED');
    nonces.add(signature.nonce);
    // The phone has hung up.
    const gone = new AbortController();
    request.socket.once('close', () => gone.abort());
    return { device, nonce: signature.nonce, publicKey, keyId: signature.keyId, gone: gone.signal };
  }

  async function redeem(body: { activationId: string; code: string; key: unknown; proof: string; label?: string }) {
    const invitation = invited.get(body.activationId);
    const key = parsePublicKey(body.key);
    if (invitation === undefined || key === undefined || body.code !== invitation.code) {
      throw new Refusal(404, 'ACTIVATION_NOT_FOUND');
    }
    const proof = await verifyActivationProof(body.proof, key, {
      activationId: body.activationId,
      codeHash: await activationCodeHash(invitation.code),
      serverKeyThumbprint: invitation.pin,
    });
    if (proof === undefined) throw new Refusal(401, 'SIGNATURE_INVALID');
    invited.delete(body.activationId);
    const deviceId = newId();
    devices.set(deviceId, { deviceId, key, label: body.label ?? '' });
    const activated = await signActivated(
      {
        v: 1,
        activationId: body.activationId,
        deviceId,
        keyThumbprint: await thumbprintOf(key),
        keySet: keySet(),
        organisation: ORGANISATION,
        user: PERSON,
        at: Date.now(),
      },
      signer(serverKey),
    );
    return { activated };
  }

  async function poll(
    { device, nonce, gone }: Awaited<ReturnType<typeof deviceOf>>,
    asked: { keySet: number; wait: number; known?: string[] },
  ) {
    const until = Date.now() + asked.wait * 1000;
    const known = [...(asked.known ?? [])].toSorted().join(' ');
    const ids = () => open().map(({ prompt }) => prompt.challengeId);
    const isNews = () => !devices.has(device.deviceId) || ids().toSorted().join(' ') !== known;
    while (!gone.aborted && !isNews() && !troubles.has(DEVICE_PATHS.poll) && Date.now() < until) {
      const nextEnd = Math.min(until, ...open().map(({ prompt }) => prompt.displayed.expiresAt));
      await new Promise<void>((resolve) => {
        const end = () => {
          clearTimeout(timer);
          waiting.delete(end);
          resolve();
        };
        const timer = setTimeout(end, Math.max(0, nextEnd - Date.now()));
        waiting.add(end);
        gone.addEventListener('abort', end, { once: true });
      });
    }
    if (!devices.has(device.deviceId)) throw new Refusal(401, 'DEVICE_UNKNOWN');
    const prompts = open().map(({ prompt }) => prompt);
    const statement = await signPrompts(
      { v: 1, deviceId: device.deviceId, answers: nonce, at: Date.now(), prompts },
      signer(serverKey),
    );
    return { prompts: statement, keySets: keySets.slice(asked.keySet - 1), pushKey: PUSH_KEY };
  }

  async function decide(
    { device, nonce, publicKey, keyId }: Awaited<ReturnType<typeof deviceOf>>,
    { decision: statement, passkey, keySet: from }: { decision: string; passkey?: Assertion; keySet: number },
  ) {
    const { challengeId } = JSON.parse(Buffer.from(statement.split('.')[1] ?? '', 'base64url').toString()) as {
      challengeId: string;
    };
    const challenge = challenges.get(challengeId);
    if (challenge === undefined) throw new Refusal(404, 'CHALLENGE_NOT_FOUND');
    const asked = { prompt: challenge.prompt, deviceId: device.deviceId };
    const verified = await verifyDecision(statement, { publicKey, keyId }, asked);
    if (verified.outcome === 'refused') throw new Refusal(422, 'DISPLAY_MISMATCH');
    const { decision } = verified;
    if (
      decision.decision === 'approve' &&
      (arePasskeysDemanded || device.passkey !== undefined || passkey !== undefined)
    ) {
      await assertConfirmed(device, passkey, await passkeyChallenge(statement));
      challenge.isConfirmed = true;
    }
    // The same one again: its answer was lost.
    const isAgain = JSON.stringify(challenge.decision) === JSON.stringify(decision);
    const counted = isAgain || open().includes(challenge);
    if (counted && !isAgain) {
      challenge.decision = decision;
      const isWrong = decision.decision === 'approve' && (decision.number ?? '') !== challenge.number;
      challenge.state = decision.decision === 'approve' && !isWrong ? 'approved' : 'denied';
      wake();
      if (isWrong) throw new Refusal(422, 'NUMBER_WRONG');
    }
    const state = challenge.state === 'open' ? 'expired' : challenge.state;
    const outcome = await signOutcome(
      { v: 1, challengeId, deviceId: device.deviceId, answers: nonce, state, counted, at: Date.now() },
      signer(serverKey),
    );
    return { outcome, keySets: keySets.slice(from - 1) };
  }

  async function assertConfirmed({ passkey }: Registered, given: Assertion | undefined, challenge: string) {
    if (given === undefined) throw new Refusal(422, 'PASSKEY_NEEDED');
    const { credentialId, ...assertion } = given;
    if (passkey?.credentialId !== credentialId) throw new Refusal(422, 'PASSKEY_REJECTED');
    const { key } = passkey;
    const { outcome } = await verifyPasskey(assertion, { key, origin: mind.origin, challenge });
    if (outcome === 'refused') throw new Refusal(422, 'PASSKEY_REJECTED');
  }

  function enrol(device: Registered) {
    const { passkey } = device;
    if (passkey !== undefined)
      return { passkey: { credentialId: passkey.credentialId, keyThumbprint: 'A'.repeat(43) } };
    device.challenge = randomBytes(32).toString('base64url');
    const options = {
      rp: { id: 'localhost', name: ORGANISATION },
      user: { id: Buffer.from(device.deviceId).toString('base64url'), name: PERSON, displayName: PERSON },
      challenge: device.challenge,
      pubKeyCredParams: [{ alg: -7, type: 'public-key' }],
      authenticatorSelection: { residentKey: 'discouraged', userVerification: 'required' },
    };
    return { enrolment: { issuedAt: Date.now(), options } };
  }

  /** Believes the browser which key it made. */
  function confirm(
    device: Registered,
    { registration }: { registration: { id: string; response: { clientDataJSON: string; publicKey: string } } },
  ) {
    const { clientDataJSON, publicKey } = registration.response;
    const said = JSON.parse(Buffer.from(clientDataJSON, 'base64url').toString()) as Record<string, unknown>;
    if (said['challenge'] !== device.challenge) throw new Refusal(422, 'PASSKEY_REJECTED');
    const key = createPublicKey({ key: Buffer.from(publicKey, 'base64url'), format: 'der', type: 'spki' });
    device.passkey = { credentialId: registration.id, key: parsePasskeyKey(key.export({ format: 'jwk' })) };
    return { credentialId: registration.id, keyThumbprint: 'A'.repeat(43) };
  }

  async function forget(device: Registered, { at, passkey }: { at: number; passkey: Assertion }) {
    const { deviceId } = device;
    await assertConfirmed(
      device,
      passkey,
      await removalChallenge({ v: 1, deviceId, forget: passkey.credentialId, at }),
    );
    delete device.passkey;
    return { deviceId };
  }

  async function rotate(
    { device, keyId }: Awaited<ReturnType<typeof deviceOf>>,
    body: { key: unknown; rotation: string },
  ) {
    const key = parsePublicKey(body.key)!;
    const rotation = await verifyRotation(body.rotation, key, { deviceId: device.deviceId, from: keyId });
    if (rotation === undefined) throw new Refusal(401, 'SIGNATURE_INVALID');
    device.key = key;
    return { keyThumbprint: rotation.to };
  }

  async function call(path: string, request: IncomingMessage, body: string): Promise<[status: number, answer: object]> {
    const input = JSON.parse(body) as never;
    if (path === ACTIVATION_PATHS.find) {
      const { activationCode } = input as { activationCode: string };
      const found = [...invited.values()].find((one) => one.activationCode === activationCode);
      if (found === undefined) throw new Refusal(404, 'ACTIVATION_NOT_FOUND');
      return [200, { link: found.link }];
    }
    if (path === ACTIVATION_PATHS.redeem) return [201, await redeem(input)];
    const by = await deviceOf(path, request, body);
    if (path === DEVICE_PATHS.poll) return [200, await poll(by, input)];
    if (path === DEVICE_PATHS.answer) return [200, await decide(by, input)];
    if (path === DEVICE_PATHS.rotate) return [200, await rotate(by, input)];
    if (path === DEVICE_PATHS.enrol) return [200, enrol(by.device)];
    if (path === DEVICE_PATHS.confirm) return [200, confirm(by.device, input)];
    if (path === DEVICE_PATHS.forget) return [200, await forget(by.device, input)];
    if (path === DEVICE_PATHS.update) {
      const { label = by.device.label, push } = input as { label?: string; push?: unknown };
      by.device.label = label;
      if (push !== undefined) by.device.push = push;
      return [200, { label: by.device.label }];
    }
    if (path === DEVICE_PATHS.remove) {
      devices.delete(by.device.deviceId);
      return [200, { deviceId: by.device.deviceId }];
    }
    throw new Refusal(404, 'ROUTE_NOT_FOUND');
  }

  async function answerCall(path: string, request: IncomingMessage, response: ServerResponse): Promise<void> {
    calls.push(path);
    const trouble = troubles.get(path);
    try {
      const body = await text(request);
      if (trouble !== undefined && 'refuse' in trouble) {
        throw new Refusal(trouble.status, trouble.refuse, trouble.retryAfterSeconds);
      }
      const [status, answer] = await call(path, request, body);
      // What is found out of order only now.
      const late = troubles.get(path);
      if (late !== undefined && 'lose' in late) return void response.destroy();
      return sendJson(response, status, late !== undefined && 'alter' in late ? altered(answer, late.alter) : answer);
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      if (error.retryAfterSeconds !== undefined) response.setHeader('retry-after', error.retryAfterSeconds);
      return sendJson(response, error.status, { code: error.message, status: error.status });
    }
  }

  const controls: Mind['controls'] = {
    devices,
    calls,
    get waiting() {
      return waiting.size;
    },
    invite: (server = mind.origin): Invited => {
      const activationId = newId();
      const code = randomBytes(24).toString('base64url');
      const pin = serverKey.thumbprint;
      const link = activationLink({
        server,
        activationId,
        code,
        serverKeyThumbprint: pin,
        organisation: ORGANISATION,
      });
      const activationCode = String(randomInt(10 ** 12)).padStart(12, '0');
      invited.set(activationId, { link, activationCode, activationId, code, pin });
      return { link, activationCode, activationId };
    },
    ask: ({ application = 'VPN', source, message, digits = 3, lifetimeMs = LIFETIME_MS }: Question = {}) => {
      const challengeId = newId();
      const number = digits === 0 ? '' : String(randomInt(10 ** digits)).padStart(digits, '0');
      const createdAt = Date.now();
      const displayed = {
        user: PERSON,
        application,
        ...(source !== undefined && { source }),
        ...(message !== undefined && { message }),
        createdAt,
        expiresAt: createdAt + lifetimeMs,
        digits,
      };
      challenges.set(challengeId, { prompt: { challengeId, serverNonce: newId(), displayed }, number, state: 'open' });
      wake();
      return { challengeId, number };
    },
    challenge: (challengeId: string) => challenges.get(challengeId)!,
    withdraw: (challengeId: string) => {
      challenges.get(challengeId)!.state = 'cancelled';
      wake();
    },
    revoke: () => {
      devices.clear();
      wake();
    },
    demandPasskeys: () => {
      arePasskeysDemanded = true;
    },
    renew: (release: string) => {
      mind.release = release;
    },
    forget: () => {
      mind.release = undefined;
      arePasskeysDemanded = false;
      devices.clear();
      challenges.clear();
      troubles.clear();
      calls.length = 0;
      wake();
    },
    changeKey: async () => {
      const next = await generateKeyPair();
      const before = serverKey;
      serverKey = next;
      version += 1;
      keySets.push(await signKeySet(keySet(), signer(before)));
      wake();
    },
    trouble: (path: string, trouble: Trouble | undefined) => {
      if (trouble === undefined) troubles.delete(path);
      else troubles.set(path, trouble);
      wake();
    },
  };
  const mind: Mind = {
    origin: 'https://localhost',
    release: undefined,
    controls,
    answer: answerCall,
  };
  return mind;
}

function newId(): string {
  return randomUUID().replaceAll('-', '');
}

/** Every statement of an answer, as somebody who stands between would send it on. */
function altered(answer: object, alter: (statement: string) => string): object {
  return Object.fromEntries(
    Object.entries(answer).map(([name, value]) => [
      name,
      typeof value === 'string' ? alter(value) : (value as unknown),
    ]),
  );
}

function sendJson(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, {
    'content-type': status < 400 ? 'application/json' : 'application/problem+json',
    'cache-control': 'no-store',
    'countersign-time': Date.now(),
  });
  response.end(JSON.stringify(body));
}
