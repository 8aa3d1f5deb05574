import { timingSafeEqual } from 'node:crypto';
import { MfaError, type RadiusAnswer, type RadiusAttribute } from '@countersign/contracts';
import { ATTRIBUTE, readText } from '@countersign/radius';
import type { AuthorisedRequest } from '../application/authorise.ts';
import type { KeyRing } from '../keys/ring.ts';
import { canonicalUsername } from '../user/canonical.ts';
import { ask, type AskDependencies } from './ask.ts';
import { requestName, step, type LoginInput } from './client-request.ts';
import type { EffectiveClient } from './clients.ts';
import { countedOnce, type FirstFactorDependencies } from './first-factor.ts';
import { conversationOf } from './returned-attributes.ts';
import { saidOnce } from './said-once.ts';

export type EapDependencies = AskDependencies & FirstFactorDependencies;

const FORM = 2;
const MAC_BYTES = 16;
const LONGEST_STATE = 253;
/** RFC 3748 section 4. */
const EAP_FAILURE = 4;
const EAP_HEADER_BYTES = 4;
/** MD5, GTC and MS-CHAPv2 prove the name that the packet has. In others (PEAP, TTLS, TLS) is one of its own, which the server alone sees. */
const PROVES_OUTER_NAME: ReadonlySet<number> = new Set([4, 6, 26]);

/**
 * One step of an EAP conversation with the upstream server, which alone understands it (RFC 3579). Once it accepts, whoever it says it was is
 * asked in the app: nothing can be typed (RAD-64). Strangers are asked in vain, whatever the client's settings say: what they call themselves
 * outside the tunnel is theirs to choose, so that each of our users could be one.
 * @throws MfaError CREDENTIALS_REJECTED and what else is a "no"; RADIUS_UPSTREAM_UNAVAILABLE, UNAVAILABLE.
 */
export async function converse(
  deps: EapDependencies,
  client: EffectiveClient,
  { eap, ...input }: LoginInput & { eap: string },
  request: AuthorisedRequest,
): Promise<RadiusAnswer> {
  const { firstFactor, applicationId } = client.settings;
  if (firstFactor.by !== 'upstream') {
    throw new MfaError('CREDENTIALS_REJECTED', { reason: 'no upstream server for this kind of password' });
  }
  const { upstreamId } = firstFactor;
  const before = input.state === undefined ? undefined : upstreamState(deps.ring, applicationId, input.state);
  const login = requestName(request);
  const said = await saidOnce(
    deps,
    { upstreamId, input, login },
    { eap: Buffer.from(eap, 'base64'), ...(before !== undefined && { state: before }) },
    request,
  );
  if (said.outcome === 'challenge') {
    const state = ownState(deps.ring, applicationId, Buffer.from(said.state ?? '', 'base64')).toString('base64');
    return { answer: 'challenge', state, attributes: conversationOf(said.attributes, 'challenge'), send: true };
  }
  const isRight = said.outcome === 'accept';
  const whom = { ...input, username: isRight ? await provenName(deps, input, eap, said.attributes) : input.username };
  const outcome = async () => (isRight ? ('right' as const) : ('wrong' as const));
  await countedOnce(deps, client, whom, outcome, step(request, 'first'));
  return ask(deps, { client, input: { ...whom, eap }, typed: {}, login, asked: 0 }, request);
}

/**
 * Whose password it was, as the server says (RFC 2865 section 5.1). Else a password of one's own would be enough to ask the phone of anybody.
 * @throws MfaError CREDENTIALS_REJECTED where nobody says so, or the client has been told the name of another user.
 */
async function provenName(
  { users }: Pick<EapDependencies, 'users'>,
  { username }: Pick<LoginInput, 'username'>,
  eap: string,
  said: readonly RadiusAttribute[],
): Promise<string> {
  const name = nameIn(said);
  if (name === undefined) {
    if (PROVES_OUTER_NAME.has(Buffer.from(eap, 'base64')[EAP_HEADER_BYTES] ?? 0)) return username;
    throw new MfaError('CREDENTIALS_REJECTED', { reason: 'the upstream server does not say who it was' });
  }
  const [outer, inner] = [canonicalUsername(username), canonicalUsername(name)];
  if ('refused' in outer || 'refused' in inner || outer.canonical === inner.canonical) return name;
  const [outside, inside] = [await users.byName(outer.canonical), await users.byName(inner.canonical)];
  if (outside === undefined || outside.userId === inside?.userId) return name;
  throw new MfaError('CREDENTIALS_REJECTED', { reason: 'another user outside the tunnel' });
}

/** A refused conversation ends with a Failure to the response that came last (RFC 3579 section 2.6.3, RFC 3748 section 4.2). */
export function eapFailure(response: Buffer): RadiusAttribute[] {
  if (response.length < EAP_HEADER_BYTES) return [];
  const failure = Buffer.from([EAP_FAILURE, response.readUInt8(1), 0, EAP_HEADER_BYTES]);
  return [{ type: ATTRIBUTE.eapMessage, value: failure.toString('base64') }];
}

/** @throws MfaError CREDENTIALS_REJECTED where it names two: one of them may be what somebody called themselves outside the tunnel. */
function nameIn(attributes: readonly RadiusAttribute[]): string | undefined {
  const [name, ...more] = attributes.filter(({ vendor, type }) => vendor === undefined && type === ATTRIBUTE.userName);
  if (more.some(({ value }) => value !== name?.value)) {
    throw new MfaError('CREDENTIALS_REJECTED', { reason: 'the upstream server names two people' });
  }
  return name === undefined ? undefined : readText(Buffer.from(name.value, 'base64'));
}

/** The upstream's State, so that it comes back to it through whichever replica, and from no other application's client. */
function ownState(ring: Pick<KeyRing, 'mac'>, applicationId: string, state: Buffer): Buffer {
  const own = Buffer.concat([Buffer.from([FORM]), macOf(ring, applicationId, state), state]);
  if (own.length > LONGEST_STATE)
    throw new MfaError('RADIUS_UPSTREAM_UNAVAILABLE', { reason: 'its State is too long' });
  return own;
}

/** @throws MfaError CHALLENGE_NOT_FOUND */
function upstreamState(ring: Pick<KeyRing, 'mac'>, applicationId: string, text: string): Buffer {
  const octets = Buffer.from(text, 'base64');
  const state = octets.subarray(1 + MAC_BYTES);
  const isOurs =
    octets.length > 1 + MAC_BYTES &&
    octets.readUInt8(0) === FORM &&
    timingSafeEqual(octets.subarray(1, 1 + MAC_BYTES), macOf(ring, applicationId, state));
  if (!isOurs) throw new MfaError('CHALLENGE_NOT_FOUND', { reason: 'no State of ours' });
  return state;
}

function macOf(ring: Pick<KeyRing, 'mac'>, applicationId: string, state: Buffer): Buffer {
  return ring.mac('radius-eap', applicationId, state).subarray(0, MAC_BYTES);
}
