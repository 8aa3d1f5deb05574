import { addressOfChallenge, MfaError, type InputOf, type RadiusAnswer, type radiusWait } from '@countersign/contracts';
import { ATTRIBUTE } from '@countersign/radius';
import type { Applications } from '../application/applications.ts';
import type { AuthorisedRequest } from '../application/authorise.ts';
import { cancel, type CancelDependencies } from '../challenge/cancel.ts';
import { decideClaim } from '../challenge/decide.ts';
import { get, type GetDependencies } from '../challenge/get.ts';
import { accept } from './accept.ts';
import { challenge, reject } from './answers.ts';
import { ask, askerOf, type AskDependencies } from './ask.ts';
import { asClient, step } from './client-request.ts';
import type { EffectiveClient, RadiusClients } from './clients.ts';
import { eapFailure } from './eap.ts';
import { isRefusal } from './refusal.ts';
import { insteadText, textsFor } from './texts.ts';
import { readTicket, writeTicket, type Ticket } from './token.ts';

export type WaitDependencies = AskDependencies &
  GetDependencies &
  CancelDependencies & {
    radiusClients: Pick<RadiusClients, 'get'>;
    applications: Pick<Applications, 'all'>;
  };

type Input = InputOf<typeof radiusWait>;

/**
 * Waits with a login until somebody has approved it, for a while. Every replica that has the request may ask: the approval is handed out once,
 * and one of them is told to send it (RAD-43).
 * @throws MfaError where nobody can say yes or no.
 */
export async function wait(deps: WaitDependencies, input: Input, asking: AuthorisedRequest): Promise<RadiusAnswer> {
  const client = deps.radiusClients.get(input.clientId);
  if (client === undefined) throw new MfaError('RADIUS_CLIENT_NOT_FOUND');
  const ticket = readTicket(deps.ring, client.settings.applicationId, input.ticket);
  if (ticket === undefined) throw new MfaError('CHALLENGE_NOT_FOUND', { reason: 'no ticket of ours' });
  // Named by the request that is answered, and not by this call: all who wait for it take the same steps.
  const request = { ...asClient(asking, client, deps.applications.all()), attemptId: ticket.request };
  try {
    return await answerOf(deps, { client, ticket, waitSeconds: input.waitSeconds }, request);
  } catch (error) {
    if (!isRefusal(error)) throw error;
    return reject(client.settings.language, { with: await endOf(deps, client, ticket) });
  }
}

/** Of an EAP conversation, which the upstream server has ended well. */
async function endOf({ kept }: WaitDependencies, { settings }: EffectiveClient, { login }: Ticket) {
  if (settings.firstFactor.by !== 'upstream') return [];
  const { attributes = [] } = (await kept.get(login)) ?? {};
  const success = attributes.find(({ vendor, type }) => vendor === undefined && type === ATTRIBUTE.eapMessage);
  return success === undefined ? [] : eapFailure(Buffer.from(success.value, 'base64'));
}

interface Waiting {
  client: EffectiveClient;
  ticket: Ticket;
  waitSeconds: number;
}

async function answerOf(
  deps: WaitDependencies,
  { client, ticket, waitSeconds }: Waiting,
  request: AuthorisedRequest,
): Promise<RadiusAnswer> {
  const { challengeId, until } = ticket;
  const leftSeconds = Math.ceil((until - deps.now()) / 1000);
  const patience = Math.max(0, Math.min(waitSeconds, leftSeconds));
  const { state } = await get(deps, { challengeId, waitSeconds: patience }, request);
  if (state === 'approved') return claim(deps, client, ticket, request);
  if (state === 'pending' && deps.now() < until) {
    const same = writeTicket(deps.ring, client.settings.applicationId, ticket);
    return { answer: 'wait', ticket: same, expiresAt: new Date(until).toISOString() };
  }
  if (state === 'pending') return giveUp(deps, client, ticket, request);
  if (state === 'expired' && ticket.kind === 'number') return askForCode(deps, client, ticket, request);
  throw new MfaError('CHALLENGE_CLOSED', { reason: state });
}

/** Once, for this login, and told by one: whoever draws the run that is recorded. */
async function claim(deps: WaitDependencies, client: EffectiveClient, ticket: Ticket, request: AuthorisedRequest) {
  const { userId, key } = addressOf(ticket);
  const user = await deps.users.byId(userId);
  if (user?.status === 'disabled') throw new MfaError('CHALLENGE_CLOSED', { reason: 'disabled' });
  const run = deps.randomBytes(9).toString('base64url');
  const { applicationId } = client.settings;
  const { attemptId } = step(request, 'claim');
  const asker = askerOf(ticket.login);
  const assurance = ticket.kind === 'plain' ? ({ assurance: 'oob-nonconformant' } as const) : {};
  const { event } = await deps.ledger
    .act(
      userId,
      attemptId,
      (state, now) =>
        decideClaim(state, { key, applicationId, purpose: 'login', attemptId, asker, run, ...assurance }, now),
      request,
    )
    .catch((error: unknown) => {
      // It went to whoever began the same login anew, or its time is over: this client has given up on it.
      if (error instanceof MfaError && error.code === 'CHALLENGE_CLOSED') return { event: undefined };
      throw error;
    });
  if (event === undefined) return reject(client.settings.language, { send: false });
  if (event.type !== 'challenge.claimed' || event.key !== key) {
    throw new MfaError('INTERNAL', { reason: `this attempt was ${event.type}` });
  }
  const accepted = await accept(deps, { client, login: ticket.login, userId });
  return { ...accepted, send: event.run === run };
}

/** The client gives up now, or nearly. Whoever saw a number may press Enter and wait longer; nobody else can be asked to. */
async function giveUp(deps: WaitDependencies, client: EffectiveClient, ticket: Ticket, request: AuthorisedRequest) {
  const { kind, challengeId, asked } = ticket;
  if (kind === 'number' && asked < client.settings.maxChallenges) {
    const texts = await textsFor(deps, client, addressOf(ticket).userId);
    const text = [texts.notYet, insteadText(texts, ['totp', 'sms'])].join(' ');
    return challenge(deps.ring, client, { ...ticket, asked: asked + 1 }, text);
  }
  // Whoever approves in this very moment is too late: one of the two appends is first.
  await cancel(deps, { challengeId }, step(request, 'give up'));
  throw new MfaError('CHALLENGE_CLOSED', { reason: 'not answered' });
}

/** Nobody took up the phone: a code in its place, where the person has one. */
async function askForCode(deps: WaitDependencies, client: EffectiveClient, ticket: Ticket, request: AuthorisedRequest) {
  const user = await deps.users.byId(addressOf(ticket).userId);
  if (user === undefined) throw new MfaError('CHALLENGE_CLOSED', { reason: 'expired' });
  const { login, asked } = ticket;
  const input = { username: user.username, accessServer: {} };
  return ask(deps, { client, input, typed: { method: 'totp' }, login, asked }, step(request, 'code'));
}

function addressOf({ challengeId }: Ticket) {
  const address = addressOfChallenge(challengeId);
  if (address === undefined) throw new MfaError('CHALLENGE_NOT_FOUND');
  return address;
}
