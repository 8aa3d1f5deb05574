import type { RADIUS_TRANSPORTS, RadiusClient, RadiusSighting } from '@countersign/contracts';
import {
  ATTRIBUTE,
  CODE,
  firstOf,
  isAccountingRequestOf,
  messageAuthenticatorOf,
  type Malformed,
  type Packet,
} from '@countersign/radius';
import { readAccessRequest, type AccessRequest } from './access-request.ts';
import { readAccounting, type Accounting } from './accounting.ts';

/** What a socket is for. Over TLS everything comes by one connection (RFC 6614 section 2.1). */
export type Port = 'authentication' | 'accounting' | 'any';

/** How a packet came. */
export interface Way {
  transport: (typeof RADIUS_TRANSPORTS)[number];
  port: Port;
  /** Of the client; over TLS the one that everybody knows (RFC 6614 section 2.3). */
  secret: Buffer;
}

/** Why a packet gets no answer and makes no work; and what the client's row counts, which has fewer words. */
const DROPPED = {
  code: 'dropped-code',
  'message-authenticator-wrong': 'dropped-message-authenticator-wrong',
  'message-authenticator-malformed': 'dropped-malformed',
  'message-authenticator-missing': 'dropped-message-authenticator-missing',
  'proxy-state': 'dropped-proxy-state',
  credentials: 'dropped-credentials',
  'accounting-authenticator': 'dropped-accounting-authenticator',
} as const satisfies Record<string, RadiusSighting>;
type Dropped = keyof typeof DROPPED;
export type DropReason =
  | Dropped
  | Malformed
  | 'unknown-client'
  | 'clients-unknown'
  | 'overload'
  | 'unavailable'
  | 'not-authorised'
  | 'failed'
  | 'superseded'
  | 'connection-lost'
  | 'stopping'
  | 'status-rate'
  | 'status-unable'
  | 'unsendable';

export type Verdict = { seen: RadiusSighting[] } & (
  | { what: 'drop'; reason: Dropped }
  | {
      what: 'login';
      request: AccessRequest;
      /** It carries a right Message-Authenticator and is no EAP, where nothing else could be (RAD-32). */
      isSigned: boolean;
    }
  /** Refused here: what it asks, nobody behind can answer. */
  | { what: 'reject'; reason: string }
  | { what: 'accounting'; accounting: Accounting }
  | { what: 'status' }
);

/**
 * What is to be done with a packet, before any work is: nothing of it is remembered and nobody is asked. Its proof comes first, so that
 * whoever has not the secret changes nothing here (RAD-34).
 */
export function judge(packet: Packet, client: RadiusClient, way: Way): Verdict {
  const seen: RadiusSighting[] = [way.transport];
  switch (packet.code) {
    case CODE.accessRequest:
      return way.port === 'accounting' ? drop('code', seen) : judgeLogin(packet, client, way, seen);
    case CODE.accountingRequest:
      return way.port === 'authentication' ? drop('code', seen) : judgeAccounting(packet, client, way, seen);
    case CODE.statusServer:
      return judgeStatus(packet, way, seen);
    default:
      return drop('code', seen);
  }
}

function judgeLogin(packet: Packet, client: RadiusClient, way: Way, seen: RadiusSighting[]): Verdict {
  const proof = proofOf(packet, way);
  if (proof === 'wrong' || proof === 'malformed') return drop(`message-authenticator-${proof}`, seen);
  const isSigned = proof === 'right';
  const hasProxyState = firstOf(packet, ATTRIBUTE.proxyState) !== undefined;
  if (proof !== 'none-needed') seen.push(isSigned ? 'message-authenticator' : 'no-message-authenticator');
  if (hasProxyState) seen.push('proxy-state');
  if (way.transport === 'udp' && !isSigned) {
    if (hasProxyState) seen.push('proxy-state-unsigned');
    const isEap = firstOf(packet, ATTRIBUTE.eapMessage) !== undefined;
    // RFC 3579 section 3.2: with EAP there is no choice.
    if (client.requireMessageAuthenticator === 'yes' || isEap) return drop('message-authenticator-missing', seen);
    if (client.limitProxyState && hasProxyState) return drop('proxy-state', seen);
  }
  const read = readAccessRequest(packet, client, way);
  seen.push(...read.seen);
  if ('reject' in read) return { what: 'reject', reason: read.reject, seen };
  if ('drop' in read) return drop(read.drop, seen);
  return { what: 'login', request: read.request, isSigned: isSigned && read.request.eap === undefined, seen };
}

function judgeAccounting(packet: Packet, client: RadiusClient, way: Way, seen: RadiusSighting[]): Verdict {
  seen.push('accounting');
  if (way.transport !== 'tls-1.1' && !isAccountingRequestOf(packet, way.secret)) {
    return drop('accounting-authenticator', seen);
  }
  const proof = proofOf(packet, way);
  if (proof === 'wrong' || proof === 'malformed') return drop(`message-authenticator-${proof}`, seen);
  return { what: 'accounting', accounting: readAccounting(packet, client), seen };
}

/** RFC 5997 section 3: without the proof it is no question that anybody need hear. */
function judgeStatus(packet: Packet, way: Way, seen: RadiusSighting[]): Verdict {
  seen.push('status-server');
  const proof = proofOf(packet, way);
  if (proof === 'right' || proof === 'none-needed') return { what: 'status', seen };
  return drop(proof === 'absent' ? 'message-authenticator-missing' : `message-authenticator-${proof}`, seen);
}

/** In RADIUS/1.1 the attribute has no meaning (RFC 9765 section 5.2); TLS proves what it would. */
function proofOf(
  packet: Packet,
  { transport, secret }: Way,
): ReturnType<typeof messageAuthenticatorOf> | 'none-needed' {
  return transport === 'tls-1.1' ? 'none-needed' : messageAuthenticatorOf(packet, secret);
}

function drop(reason: Dropped, seen: RadiusSighting[]): Verdict {
  return { what: 'drop', reason, seen: [...seen, DROPPED[reason]] };
}
