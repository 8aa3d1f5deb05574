import { createHash } from 'node:crypto';
import type { Bus, Credential } from '@countersign/bus';
import type { LoginContext } from '@countersign/contracts';
import type { Slots } from '@countersign/http';
import type { FastifyRequest } from 'fastify';
import type { Static } from 'typebox';
import type { SessionStore } from '../session/store.ts';
import { pageLanguage } from '../handover/texts.ts';
import { askAs } from './ask.ts';
import type { CallContext } from './call.ts';

const LONGEST_DEVICE = 128;

/** What the portal answers with. */
export interface CallDependencies {
  bus: Bus;
  store: SessionStore;
  credential: Credential;
  origin: string;
  working: Slots;
  /** For whoever waits for a person. */
  waiting: Slots;
  now: () => number;
  draining: AbortSignal;
  lastCall: AbortSignal;
}

/** @param callId the same for the same call, repeated: what it asks app-server is named after it. */
export function contextOf(
  { bus, store, credential, now, draining, lastCall }: Omit<CallDependencies, 'working' | 'waiting' | 'origin'>,
  request: FastifyRequest,
  callId: string,
): CallContext {
  const { traceparent } = request;
  const attemptOf = (name: string) => createHash('sha256').update(`${callId} ${name}`).digest('base64url');
  return {
    ask: askAs({ bus, credential, traceparent, signal: lastCall, attemptOf }),
    store,
    now,
    draining,
    browser: browserOf(request),
    language: pageLanguage(request.headers['accept-language']),
  };
}

function browserOf({ ip, headers }: FastifyRequest): Static<typeof LoginContext> {
  const agent = headers['user-agent']?.slice(0, LONGEST_DEVICE).toWellFormed();
  return { ip, ...(agent !== undefined && agent !== '' && { device: agent }) };
}
