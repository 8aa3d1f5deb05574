import { createHash } from 'node:crypto';
import { isIP } from 'node:net';
import type { InputOf, Policy, radiusLogin } from '@countersign/contracts';
import type { Application, AuthorisedRequest } from '../application/authorise.ts';
import type { EventContext } from '../challenge/events.ts';
import type { Policies } from '../policy/policies.ts';
import type { EffectiveClient } from './clients.ts';

export type LoginInput = InputOf<typeof radiusLogin>;

/** As much of it as asking somebody takes. */
export type AskedFrom = Pick<LoginInput, 'username' | 'accessServer'> &
  Partial<Pick<LoginInput, 'password' | 'mschap' | 'eap'>>;

/** 16 bytes that name a request, base64url: the same on every replica that it reaches. */
export function requestName({ attemptId }: Pick<AuthorisedRequest, 'attemptId'>): string {
  return createHash('sha256').update(attemptId).digest().subarray(0, 16).toString('base64url');
}

/** What is asked in the name of a client: it counts as its application, which may do no more than ask who somebody is. */
export function asClient(
  request: AuthorisedRequest,
  { settings }: Pick<EffectiveClient, 'settings'>,
  applications: readonly Pick<Application, 'applicationId' | 'name'>[],
): AuthorisedRequest {
  const { applicationId } = settings;
  const name = applications.find((one) => one.applicationId === applicationId)?.name ?? '';
  return { ...request, application: { applicationId, name, scopes: ['challenge', 'password'] } };
}

/** A step of one request, as an attempt of its own: whoever repeats the request repeats it. */
export function step(request: AuthorisedRequest, name: string): AuthorisedRequest {
  return { ...request, attemptId: `${request.attemptId} ${name}` };
}

/**
 * Where a login comes from. Without Calling-Station-Id everybody behind one client looks alike, so that it says nothing of who is known there
 * (R10).
 */
export function contextOf(
  { accessServer }: Pick<LoginInput, 'accessServer'>,
  { name }: Pick<EffectiveClient, 'name'>,
): EventContext {
  const from = stationOf(accessServer)?.slice(0, 64);
  if (from === undefined) return { location: name };
  return { ...(isIP(from) === 0 ? { device: from } : { ip: from }), location: name };
}

/** What says the same of everybody: no address, this machine, and what RD Gateway writes there, which is how people sign in. */
const NOWHERE = /^(|0\.0\.0\.0|::|::1|127\..*|UserAuthType:.*)$/i;

/** Calling-Station-Id, as far as it tells one place from another. */
export function stationOf({
  callingStation,
  calledStation,
  identifier,
  address,
}: LoginInput['accessServer']): string | undefined {
  const station = callingStation?.trim();
  const isItself = [calledStation, identifier, address].includes(station);
  return station === undefined || isItself || NOWHERE.test(station) ? undefined : station;
}

/**
 * The policy as it is over RADIUS: no passkeys (WEB-10), and where nothing can be asked, an approval in the app or nothing. Nobody is waited for
 * longer than the client waits (RAD-45).
 */
export function policiesOver(
  policies: Pick<Policies, 'effective'>,
  { canAsk, waitSeconds }: { canAsk: boolean; waitSeconds: number },
): Pick<Policies, 'effective'> {
  return { effective: (applicationId) => over(policies.effective(applicationId), canAsk, waitSeconds) };
}

function over(policy: Policy, canAsk: boolean, waitSeconds: number): Policy {
  const order = policy.methods.order.filter((method) => (canAsk ? method !== 'passkey' : method === 'app'));
  const lifeSeconds = canAsk ? policy.app.lifeSeconds : Math.min(policy.app.lifeSeconds, waitSeconds);
  return { ...policy, methods: { ...policy.methods, order }, app: { ...policy.app, lifeSeconds } };
}
