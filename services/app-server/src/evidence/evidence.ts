import { MfaError, type AccessLevel } from '@countersign/contracts';
import type { JWTPayload } from 'jose';
import type { Application } from '../application/authorise.ts';
import type { Said } from '../challenge/state.ts';
import { LONGEST_CEREMONY_SECONDS } from '../passkey/challenge.ts';
import type { SigningKeys, TokenKind } from '../keys/signing-keys.ts';

/** Somebody has proved a first factor. Times in ms since the epoch. */
export interface FirstFactorFacts {
  userId: string;
  /** RFC 8176: how. */
  amr: readonly string[];
  at: number;
}

/** As it was read: to the second when, and to the millisecond whether somebody was signed out since. */
export interface FirstFactorRead extends FirstFactorFacts {
  issuedAt: number;
}

/** Somebody is signed in. */
export interface AccessFacts {
  /** Names the session, and opens nothing. */
  sessionId: string;
  userId: string;
  level: AccessLevel;
  amr: readonly string[];
  /** When a second factor was right last, ms since the epoch; 0: none was, as after a bypass. */
  confirmedAt: number;
  /** When this was said, ms since the epoch: not before whatever signed them out. */
  issuedAt: number;
  /** When the session ends at the latest, ms since the epoch. */
  endsAt: number;
}

/** A challenge of the same application was approved. */
export interface ProofFacts {
  userId: string;
  challengeId: string;
  amr: readonly string[];
  /** When the person answered, ms since the epoch, to the second. */
  at: number;
}

/** An application asked for a second factor on our page. */
export interface HandoverFacts {
  applicationId: string;
  applicationName: string;
  username: string;
  returnUrl: string;
  state: string;
  language?: string;
  /** ms since the epoch. */
  endsAt: number;
}

/** Somebody whom nobody has named may sign in by passkey, once, within minutes. */
export interface InvitationFacts {
  /** 22 characters, drawn at random: what has to be signed follows from it. */
  key: string;
  /** ms since the epoch. */
  issuedAt: number;
}

type Framed = Pick<JWTPayload, 'sub' | 'jti' | 'iat' | 'exp'>;

const FIRST_FACTOR_SECONDS = 600;
export const HANDOVER_SECONDS = 600;
const INVITATION_SECONDS = LONGEST_CEREMONY_SECONDS;
/** No application is called so: whoever reads a hand-over is whichever portal the person was sent to. */
const HANDOVER_AUDIENCE = 'handover';

/**
 * What an edge holds in place of rights of its own: that we said so, of one person, to one application. An edge that was broken into has
 * the evidence of those who came through it, and can ask for nobody else (ADR 15).
 */
export class Evidence {
  readonly #keys: SigningKeys;
  readonly #now: () => number;
  readonly #randomBytes: (size: number) => Buffer;

  constructor(keys: SigningKeys, now: () => number, randomBytes: (size: number) => Buffer) {
    this.#keys = keys;
    this.#now = now;
    this.#randomBytes = randomBytes;
  }

  async issueFirstFactor(
    { userId, amr, at }: FirstFactorFacts,
    { applicationId }: Application,
  ): Promise<{ firstFactor: string; expiresAt: number }> {
    const issuedAt = seconds(at);
    const expiresAt = issuedAt + FIRST_FACTOR_SECONDS;
    const frame = { audience: applicationId, subject: userId, id: this.#id(), issuedAt, expiresAt };
    return { firstFactor: await this.#keys.sign('first-factor', frame, { amr, at }), expiresAt: expiresAt * 1000 };
  }

  /** @throws MfaError SIGN_IN_NEEDED. */
  async readFirstFactor(token: string, application: Application): Promise<FirstFactorRead> {
    const { sub, iat, ...claims } = await this.#read('first-factor', token, application.applicationId);
    const { at: issuedAt } = claims;
    if (typeof issuedAt !== 'number') throw new MfaError('SIGN_IN_NEEDED');
    return { userId: sub, amr: texts(claims['amr']), at: iat * 1000, issuedAt };
  }

  issueAccess(facts: AccessFacts, { applicationId }: Application): Promise<string> {
    const { sessionId, userId, level, amr, confirmedAt, issuedAt, endsAt } = facts;
    const frame = {
      audience: applicationId,
      subject: userId,
      id: sessionId,
      issuedAt: seconds(issuedAt),
      expiresAt: seconds(endsAt),
    };
    return this.#keys.sign('access', frame, { level, amr, auth_time: seconds(confirmedAt), at: issuedAt });
  }

  /** @throws MfaError SIGN_IN_NEEDED. */
  async readAccess(token: string, application: Application): Promise<AccessFacts> {
    const { sub, jti, exp, ...claims } = await this.#read('access', token, application.applicationId);
    const { level, auth_time: confirmedAt, at: issuedAt } = claims;
    const isWhole = typeof confirmedAt === 'number' && typeof issuedAt === 'number';
    if ((level !== 'full' && level !== 'enrolment') || !isWhole) throw new MfaError('SIGN_IN_NEEDED');
    return {
      sessionId: jti,
      userId: sub,
      level,
      amr: texts(claims['amr']),
      confirmedAt: confirmedAt * 1000,
      issuedAt,
      endsAt: exp * 1000,
    };
  }

  /**
   * Whose sign-in, or session, somebody speaks for.
   * @throws MfaError SIGN_IN_NEEDED.
   */
  async readSignIn(token: string, application: Application): Promise<Said & { userId: string }> {
    const isOnTheWay = (await this.#keys.read('first-factor', token, application.applicationId)) !== undefined;
    if (!isOnTheWay) return this.readAccess(token, application);
    return { ...(await this.readFirstFactor(token, application)), level: 'full' };
  }

  /** A signed result of a challenge that this application started. @throws MfaError SIGN_IN_NEEDED. */
  async readProof(token: string, application: Application): Promise<ProofFacts> {
    const { sub, jti, amr, auth_time: at } = await this.#read('result', token, application.applicationId);
    if (typeof at !== 'number') throw new MfaError('SIGN_IN_NEEDED');
    return { userId: sub, challengeId: jti, amr: texts(amr), at: at * 1000 };
  }

  issueHandover({ applicationId, applicationName, endsAt, ...facts }: HandoverFacts): Promise<string> {
    const issuedAt = seconds(this.#now());
    const frame = {
      audience: HANDOVER_AUDIENCE,
      subject: applicationId,
      id: this.#id(),
      issuedAt,
      expiresAt: seconds(endsAt),
    };
    return this.#keys.sign('handover', frame, { application: applicationName, ...facts });
  }

  /** @throws MfaError CHALLENGE_CLOSED: it is over, or not one of ours. */
  async readHandover(token: string): Promise<HandoverFacts> {
    const payload = await this.#keys.read('handover', token, HANDOVER_AUDIENCE);
    const { sub, exp, application, username, returnUrl, state, language } = payload ?? {};
    const isWhole = [sub, application, username, returnUrl, state].every((text) => typeof text === 'string');
    if (!isWhole || exp === undefined) throw new MfaError('CHALLENGE_CLOSED', { reason: 'no hand-over' });
    return {
      applicationId: String(sub),
      applicationName: String(application),
      username: String(username),
      returnUrl: String(returnUrl),
      state: String(state),
      ...(typeof language === 'string' && { language }),
      endsAt: exp * 1000,
    };
  }

  /** Nothing is kept of it: it is good once because the ledger of whoever answers takes it once. */
  async issueInvitation({
    applicationId,
  }: Application): Promise<InvitationFacts & { invitation: string; endsAt: number }> {
    const facts = { key: this.#id(), issuedAt: this.#now() };
    const issuedAt = seconds(facts.issuedAt);
    const expiresAt = issuedAt + INVITATION_SECONDS;
    const frame = { audience: applicationId, subject: applicationId, id: facts.key, issuedAt, expiresAt };
    // To the millisecond, since the ledger tells by it which of two is older.
    const invitation = await this.#keys.sign('invitation', frame, { at: facts.issuedAt });
    return { ...facts, invitation, endsAt: expiresAt * 1000 };
  }

  /** @throws MfaError CHALLENGE_CLOSED: it is over, or not one of ours. */
  async readInvitation(token: string, { applicationId }: Application): Promise<InvitationFacts> {
    const { jti, at } = (await this.#keys.read('invitation', token, applicationId)) ?? {};
    if (jti === undefined || typeof at !== 'number')
      throw new MfaError('CHALLENGE_CLOSED', { reason: 'no invitation' });
    return { key: jti, issuedAt: at };
  }

  async #read(kind: TokenKind, token: string, audience: string): Promise<JWTPayload & Required<Framed>> {
    const payload = await this.#keys.read(kind, token, audience);
    const { sub, jti, iat, exp } = payload ?? {};
    if (sub === undefined || jti === undefined || iat === undefined || exp === undefined) {
      throw new MfaError('SIGN_IN_NEEDED', { reason: `no ${kind}` });
    }
    return { ...payload, sub, jti, iat, exp };
  }

  #id(): string {
    return this.#randomBytes(16).toString('base64url');
  }
}

function seconds(ms: number): number {
  return Math.floor(ms / 1000);
}

function texts(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((text): text is string => typeof text === 'string') : [];
}
