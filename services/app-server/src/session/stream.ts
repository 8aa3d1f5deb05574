import { NOBODY, type SessionPlace } from '@countersign/contracts';
import { DiscardPolicy, RetentionPolicy, StorageType, type JetStreamManager } from '@nats-io/jetstream';
import { ensureStream } from '../streams/ensure-stream.ts';

/** Who is signed in at the portal. One subject a session: the user, then a hash of the session's secret. */
export const SESSIONS = 'SESSIONS';
/** Who is on the way in: anybody can begin that, so it has a place of its own, from which it goes soon. */
export const SIGN_INS = 'SIGN_INS';
/** In place of a hash: every session of a user. */
export const ALL = '*';

/** No session lasts longer, whatever the policy says (`portal.absoluteSeconds`). */
const SESSION_MINUTES = 12 * 60;
/** A sign-in may take ten. */
const SIGN_IN_MINUTES = 15;
const NANOSECONDS_PER_MINUTE = 60 * 1e9;
/** A few facts and a sealed value. */
const MAX_SESSION_BYTES = 64 * 1024;
/** Some 100,000. Beyond it the oldest makes room: who floods one with sign-ins ends other sign-ins, and nobody's session. */
const MAX_STREAM_BYTES = 256 * 1024 ** 2;

export function streamOf({ owner }: SessionPlace): string {
  return owner === NOBODY ? SIGN_INS : SESSIONS;
}

export function subjectOf({ owner, hash }: SessionPlace): string {
  return owner === NOBODY ? `sign-ins.${hash}` : `sessions.${owner}.${hash}`;
}

export function hashOf(subject: string): string {
  return subject.split('.').at(-1) ?? '';
}

/**
 * Creates the streams that portals keep sessions in, one message each, or brings them to this build's settings. Reads go to the leader: a
 * session that was ended a moment ago must not be found on a copy that lags (APP-04).
 * @param replicas 3 in production, 1 on one machine.
 */
export async function ensureSessionStreams(manager: JetStreamManager, replicas: number): Promise<void> {
  const ensure = (name: string, subject: string, minutes: number) =>
    ensureStream(
      manager,
      {
        name,
        subjects: [subject],
        retention: RetentionPolicy.Limits,
        storage: StorageType.File,
        num_replicas: replicas,
        max_msgs_per_subject: 1,
        max_age: minutes * NANOSECONDS_PER_MINUTE,
        max_msg_size: MAX_SESSION_BYTES,
        max_bytes: MAX_STREAM_BYTES,
        discard: DiscardPolicy.Old,
        allow_direct: false,
      },
      'update',
    );
  await Promise.all([
    ensure(SESSIONS, subjectOf({ owner: ALL, hash: ALL }), SESSION_MINUTES),
    ensure(SIGN_INS, subjectOf({ owner: NOBODY, hash: ALL }), SIGN_IN_MINUTES),
  ]);
}
