import { timingSafeEqual } from 'node:crypto';
import type { KeyRing } from '../keys/ring.ts';

/** How a challenge is answered: by a code, by approving beside the number that was shown, or by approving without one. */
export const TOKEN_KINDS = ['code', 'number', 'plain'] as const;
export type TokenKind = (typeof TOKEN_KINDS)[number];

/** What a client is told to bring back with the next request of a login: the State of an Access-Challenge (RFC 2865 section 5.24). */
export interface Token {
  kind: TokenKind;
  challengeId: string;
  /** Names the login: 16 bytes of its first request, base64url. */
  login: string;
  /** Wrong answers that came before this question: each is answered once (RAD-21). 0 to 255. */
  turn: number;
  /** Which question of the login this is. 1 to 255. */
  asked: number;
}

/** What a radius-server brings back while somebody is waited for. */
export interface Ticket extends Token {
  /** Names the request that is answered in the end: 16 bytes of it, base64url. */
  request: string;
  /** From when to when, ms since the epoch. */
  since: number;
  until: number;
}

type Macs = Pick<KeyRing, 'mac'>;

const FORM = 1;
const TOKEN_BYTES = 4 + 32 + 16;
const TICKET_BYTES = TOKEN_BYTES + 16 + 6 + 6;
const MAC_BYTES = 16;

/**
 * Nothing is stored for it, and no two are alike: the challenge is random, and its end in the ledger ends this as well. Only an application's own
 * clients can use it, since the hash is keyed and names the application.
 * @returns 68 octets.
 */
export function writeState(ring: Macs, applicationId: string, token: Token): Buffer {
  return sealed(ring, 'radius-state', applicationId, bytesOf(token));
}

/** @returns undefined when it is not one of ours, or of another application. */
export function readState(ring: Macs, applicationId: string, octets: Buffer): Token | undefined {
  const bytes = opened(ring, 'radius-state', applicationId, octets, TOKEN_BYTES);
  return bytes === undefined ? undefined : tokenOf(bytes);
}

export function writeTicket(ring: Macs, applicationId: string, ticket: Ticket): string {
  const bytes = Buffer.alloc(TICKET_BYTES);
  bytesOf(ticket).copy(bytes);
  Buffer.from(ticket.request, 'base64url').copy(bytes, TOKEN_BYTES);
  bytes.writeUIntBE(ticket.since, TOKEN_BYTES + 16, 6);
  bytes.writeUIntBE(ticket.until, TOKEN_BYTES + 22, 6);
  return sealed(ring, 'radius-ticket', applicationId, bytes).toString('base64url');
}

/** @returns undefined when it is not one of ours, or of another application. */
export function readTicket(ring: Macs, applicationId: string, text: string): Ticket | undefined {
  const octets = Buffer.from(text, 'base64url');
  const bytes = opened(ring, 'radius-ticket', applicationId, octets, TICKET_BYTES);
  const token = bytes === undefined ? undefined : tokenOf(bytes);
  if (bytes === undefined || token === undefined) return undefined;
  return {
    ...token,
    request: bytes.subarray(TOKEN_BYTES, TOKEN_BYTES + 16).toString('base64url'),
    since: bytes.readUIntBE(TOKEN_BYTES + 16, 6),
    until: bytes.readUIntBE(TOKEN_BYTES + 22, 6),
  };
}

function bytesOf({ kind, challengeId, login, turn, asked }: Token): Buffer {
  const bytes = Buffer.alloc(TOKEN_BYTES);
  bytes.set([FORM, TOKEN_KINDS.indexOf(kind), turn, asked]);
  // Two halves, each base64url of its own.
  Buffer.from(challengeId.slice(0, 22), 'base64url').copy(bytes, 4);
  Buffer.from(challengeId.slice(22), 'base64url').copy(bytes, 20);
  Buffer.from(login, 'base64url').copy(bytes, 36);
  return bytes;
}

function tokenOf(bytes: Buffer): Token | undefined {
  const kind = TOKEN_KINDS[bytes.readUInt8(1)];
  if (bytes.readUInt8(0) !== FORM || kind === undefined) return undefined;
  return {
    kind,
    turn: bytes.readUInt8(2),
    asked: bytes.readUInt8(3),
    challengeId: bytes.toString('base64url', 4, 20) + bytes.toString('base64url', 20, 36),
    login: bytes.toString('base64url', 36, TOKEN_BYTES),
  };
}

function sealed(ring: Macs, purpose: string, applicationId: string, bytes: Buffer): Buffer {
  return Buffer.concat([bytes, macOf(ring, purpose, applicationId, bytes)]);
}

function opened(ring: Macs, purpose: string, applicationId: string, octets: Buffer, length: number) {
  if (octets.length !== length + MAC_BYTES) return undefined;
  const bytes = octets.subarray(0, length);
  return timingSafeEqual(octets.subarray(length), macOf(ring, purpose, applicationId, bytes)) ? bytes : undefined;
}

function macOf(ring: Macs, purpose: string, applicationId: string, bytes: Buffer): Buffer {
  return ring.mac(purpose, applicationId, bytes).subarray(0, MAC_BYTES);
}
