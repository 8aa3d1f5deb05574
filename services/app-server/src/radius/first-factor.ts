import { MfaError, uuidFrom, type RadiusAttribute } from '@countersign/contracts';
import { ATTRIBUTE } from '@countersign/radius';
import type { AuthorisedRequest } from '../application/authorise.ts';
import { holdPassword, type HoldPasswordDependencies } from '../password/hold.ts';
import { once, type PasswordOutcome } from '../password/once.ts';
import type { RadiusUpstreams } from '../radius-upstream/upstreams.ts';
import { canonicalUsername } from '../user/canonical.ts';
import { packetAttribute } from './attribute.ts';
import { contextOf, step, type LoginInput } from './client-request.ts';
import type { EffectiveClient } from './clients.ts';
import type { Kept } from './kept.ts';

export interface FirstFactorDependencies extends HoldPasswordDependencies {
  radiusUpstreams: Pick<RadiusUpstreams, 'get'>;
  kept: Kept;
}

/** Whoever has proved the first factor, or whose client has. */
export interface First {
  /** They are no user here. */
  isStranger: boolean;
}

/**
 * Holds the first factor where the client's settings say, by one question per request (ADR 17).
 * @param password as it was typed, without what stood behind it.
 * @param login names it: what an upstream server says is kept under it.
 * @throws MfaError CREDENTIALS_REJECTED and what else is a "no"; DIRECTORY_UNAVAILABLE, RADIUS_UPSTREAM_UNAVAILABLE, UNAVAILABLE.
 */
export async function holdFirst(
  deps: FirstFactorDependencies,
  { client, input, password, login }: { client: EffectiveClient; input: LoginInput; password: string; login: string },
  request: AuthorisedRequest,
): Promise<First> {
  const { firstFactor, requireUserMatch } = client.settings;
  if (firstFactor.by === 'none') return { isStranger: false };
  const attempt = step(request, 'first');
  if (firstFactor.by === 'directory') {
    if (input.mschap !== undefined || input.eap !== undefined) {
      throw new MfaError('CREDENTIALS_REJECTED', { reason: 'no upstream server for this kind of password' });
    }
    const typed = { username: input.username, password, context: contextOf(input, client) };
    const { user } = await holdPassword(deps, typed, attempt, { strangers: !requireUserMatch });
    return { isStranger: user === undefined };
  }
  return holdUpstream(deps, { upstreamId: firstFactor.upstreamId, client, input, password, login }, attempt);
}

interface Upstream {
  upstreamId: string;
  client: EffectiveClient;
  input: LoginInput;
  password: string;
  login: string;
}

async function holdUpstream(
  deps: FirstFactorDependencies,
  { upstreamId, client, input, password, login }: Upstream,
  request: AuthorisedRequest,
): Promise<First> {
  const name = canonicalUsername(input.username);
  // An empty password is nobody's (LDAP-11); with MS-CHAPv2 there is none.
  if ('refused' in name || (input.mschap === undefined && password === '')) {
    throw new MfaError('CREDENTIALS_REJECTED', { reason: 'malformed' });
  }
  const user = await deps.users.byName(name.canonical);
  const userId = user?.userId ?? uuidFrom(deps.ring.mac('decoy', name.canonical));
  const outcome = await once(
    deps,
    {
      userId,
      context: contextOf(input, client),
      ask: async () => {
        const said = await askUpstream(deps, { upstreamId, input, password }, request);
        // Before it counts: who repeats the request on another replica finds both or neither.
        if (said.outcome === 'right') await deps.kept.put(login, said.attributes);
        return said;
      },
    },
    request,
  );
  if (outcome !== 'right') throw new MfaError('CREDENTIALS_REJECTED', { reason: outcome });
  const state = await deps.ledger.peek(userId);
  if (user?.status === 'disabled' || state.disabled === true || state.blocked !== undefined) {
    throw new MfaError('CREDENTIALS_REJECTED', { reason: 'kept out' });
  }
  return { isStranger: user === undefined && !client.settings.requireUserMatch };
}

async function askUpstream(
  { radiusUpstreams }: FirstFactorDependencies,
  { upstreamId, input, password }: Pick<Upstream, 'upstreamId' | 'input' | 'password'>,
  { deadline }: AuthorisedRequest,
): Promise<{ outcome: PasswordOutcome; attributes: RadiusAttribute[]; problem?: MfaError }> {
  try {
    const upstream = radiusUpstreams.get(upstreamId);
    if (upstream === undefined)
      throw new MfaError('RADIUS_UPSTREAM_UNAVAILABLE', { reason: 'no such upstream server' });
    const { username, mschap, forward = [] } = input;
    const { outcome, attributes } = await upstream.ask(
      {
        attributes: [
          { type: ATTRIBUTE.userName, value: Buffer.from(username) },
          ...forward.map(packetAttribute).filter(({ type }) => type !== ATTRIBUTE.userName),
        ],
        ...(mschap === undefined ? { password } : { mschap: octetsOf(mschap) }),
      },
      deadline,
    );
    return { outcome: OUTCOMES[outcome], attributes };
  } catch (error) {
    if (error instanceof MfaError) return { outcome: 'unknown', attributes: [], problem: error };
    throw error;
  }
}

/** A challenge wants to know more than a password: that is nothing to let anybody in for. */
const OUTCOMES = { accept: 'right', reject: 'wrong', challenge: 'unknown' } as const satisfies Record<
  string,
  PasswordOutcome
>;

function octetsOf({ challenge, response }: { challenge: string; response: string }) {
  return { challenge: Buffer.from(challenge, 'base64'), response: Buffer.from(response, 'base64') };
}
