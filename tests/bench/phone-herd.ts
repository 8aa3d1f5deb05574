/**
 * Thousands of phones in one process, each with a connection of its own that it keeps. They sign and read as little as the protocol lets
 * them: what is measured is the server. Spawned by phones.ts with an IPC channel.
 */
import { createHash, createPrivateKey, randomBytes, sign, type KeyObject } from 'node:crypto';
import { connect as connectPlain, type Socket } from 'node:net';
import { connect as connectTls, createSecureContext } from 'node:tls';
import { thumbprintOf } from '@countersign/device-protocol';
import { seededKey } from './seed-phones.ts';

/** What the bench tells it. */
export type Order = { do: 'join'; phones: number; perSecond: number } | { do: 'count' } | { do: 'deliveries' };

/** What it answers. Times are ms of the clock that all processes of a machine share. */
export interface Counts {
  joined: number;
  waiting: number;
  answered: number;
  failures: Record<string, number>;
}
export type Deliveries = [challengeId: string, atMs: number][];

interface Phone {
  number: number;
  key: KeyObject;
  thumbprint: string;
  known: string[];
  socket: Socket | undefined;
  received: string;
  failures: number;
  isWaiting: boolean;
}

const PATH = '/v1/device/poll';
const LIFETIME_SECONDS = 60;
/** Doubled with each failure in a row, as phones do it, which begin with half of it: a server that is overloaded is not asked more because of it. */
const RETRY_MS = 1000;
const LONGEST_RETRY_MS = 30_000;
const COVERED = '("@method" "@authority" "@path" "@query" "content-digest")';

const { HERD_PORT, HERD_AUTHORITY = '', HERD_CA = '', HERD_WAIT_SECONDS } = process.env;
const waitSeconds = Number(HERD_WAIT_SECONDS);
/** Plain TCP without an authority to check. */
const secureContext = HERD_CA === '' ? undefined : createSecureContext({ ca: HERD_CA });
const counts: Counts = { joined: 0, waiting: 0, answered: 0, failures: {} };
const deliveries: Deliveries = [];
const seen = new Set<string>();

process.on('message', (order: Order) => {
  if (order.do === 'join') void join(order.phones, order.perSecond).then(() => process.send?.(counts));
  else if (order.do === 'count') process.send?.(counts);
  else process.send?.(deliveries.splice(0));
});
process.once('disconnect', () => process.exit(0));

async function join(phones: number, perSecond: number): Promise<void> {
  const startedAt = performance.now();
  for (let number = 0; number < phones;) {
    const due = Math.min(phones, ((performance.now() - startedAt) / 1000) * perSecond);
    for (; number < due; number += 1) dial(await phoneOf(number));
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

async function phoneOf(number: number): Promise<Phone> {
  const { d, publicKey } = seededKey(number);
  return {
    number,
    key: createPrivateKey({ key: { ...publicKey, d }, format: 'jwk' }),
    thumbprint: await thumbprintOf(publicKey),
    known: [],
    socket: undefined,
    received: '',
    failures: 0,
    isWaiting: false,
  };
}

function dial(phone: Phone): void {
  const options = { host: '127.0.0.1', port: Number(HERD_PORT) };
  const socket =
    secureContext === undefined
      ? connectPlain(options)
      : connectTls({ ...options, secureContext, servername: 'localhost' });
  phone.socket = socket;
  socket.setNoDelay(true);
  socket.setEncoding('latin1');
  socket.once(secureContext === undefined ? 'connect' : 'secureConnect', () => {
    counts.joined += 1;
    poll(phone);
  });
  socket.on('data', (text: string) => {
    phone.received += text;
    read(phone);
  });
  let reason = 'closed';
  socket.once('error', ({ message }) => (reason = message));
  socket.once('close', () => {
    phone.received = '';
    retry(phone, reason, () => dial(phone));
  });
}

function poll(phone: Phone): void {
  const body = JSON.stringify({ keySet: 1, wait: waitSeconds, known: phone.known });
  const digest = `sha-256=:${createHash('sha256').update(body).digest('base64')}:`;
  const created = Math.floor(Date.now() / 1000);
  const nonce = randomBytes(16).toString('base64url');
  const signed = `${COVERED};created=${created};expires=${created + LIFETIME_SECONDS};nonce="${nonce}";keyid="${phone.thumbprint}";alg="ecdsa-p256-sha256";tag="mfa-device-v1"`;
  const base = [
    '"@method": POST',
    `"@authority": ${HERD_AUTHORITY}`,
    `"@path": ${PATH}`,
    '"@query": ?',
    `"content-digest": ${digest}`,
    `"@signature-params": ${signed}`,
  ].join('\n');
  const signature = sign('sha256', Buffer.from(base), { key: phone.key, dsaEncoding: 'ieee-p1363' }).toString('base64');
  setWaiting(phone, true);
  phone.socket?.write(
    [
      `POST ${PATH} HTTP/1.1`,
      `host: ${HERD_AUTHORITY}`,
      // As a balancer says it: one machine with all of them would have the share of one.
      `x-forwarded-for: ${addressOf(phone.number)}`,
      'content-type: application/json',
      `content-length: ${Buffer.byteLength(body)}`,
      `content-digest: ${digest}`,
      `signature-input: device=${signed}`,
      `signature: device=:${signature}:`,
      '',
      body,
    ].join('\r\n'),
  );
}

function addressOf(number: number): string {
  return `198.18.${number >> 8}.${number & 0xff}`;
}

function read(phone: Phone): void {
  const end = phone.received.indexOf('\r\n\r\n');
  if (end === -1) return;
  const head = phone.received.slice(0, end);
  const length = Number(/\r\ncontent-length: (\d+)/i.exec(head)?.[1] ?? 0);
  const body = phone.received.slice(end + 4);
  if (body.length < length) return;
  phone.received = '';
  if (!head.startsWith('HTTP/1.1 200')) {
    const { socket } = phone;
    retry(phone, `${head.slice(9, 12)} ${/"code":"(\w+)"/.exec(body)?.[1] ?? ''}`, () => {
      if (socket?.destroyed === false) poll(phone);
    });
    return;
  }
  counts.answered += 1;
  phone.failures = 0;
  const atMs = Number(process.hrtime.bigint()) / 1e6;
  const { prompts = '' } = JSON.parse(body) as { prompts?: string };
  phone.known = shownBy(prompts);
  for (const challengeId of phone.known) {
    if (seen.has(challengeId)) continue;
    seen.add(challengeId);
    deliveries.push([challengeId, atMs]);
  }
  poll(phone);
}

/** Believed without a look at the signature, which a phone would take. */
function shownBy(statement: string): string[] {
  const [, payload] = statement.split('.');
  if (payload === undefined) return [];
  const { prompts } = JSON.parse(Buffer.from(payload, 'base64url').toString()) as {
    prompts: { challengeId: string }[];
  };
  return prompts.map(({ challengeId }) => challengeId);
}

function retry(phone: Phone, reason: string, again: () => void): void {
  setWaiting(phone, false);
  counts.failures[reason] = (counts.failures[reason] ?? 0) + 1;
  const longestMs = Math.min(RETRY_MS * 2 ** phone.failures, LONGEST_RETRY_MS);
  phone.failures += 1;
  setTimeout(again, longestMs * (0.5 + Math.random() / 2));
}

function setWaiting(phone: Phone, isWaiting: boolean): void {
  if (phone.isWaiting !== isWaiting) counts.waiting += isWaiting ? 1 : -1;
  phone.isWaiting = isWaiting;
}
