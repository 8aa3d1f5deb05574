import { endpoint, type Endpoint } from '@countersign/bus';
import {
  accountLeave,
  sessionDrop,
  sessionKeep,
  sessionList,
  sessionLoad,
  type KeptSession,
  type SessionPlace,
} from '@countersign/contracts';
import { userIdOf } from './stand-in.ts';

/** By place, as text. */
export type Kept = Map<string, KeptSession>;

/** Stands for what app-server does with sessions: in memory, with the same conditions. */
export function keeping(kept: Kept): Endpoint[] {
  let sequence = 0;
  const at = ({ owner, hash }: SessionPlace) => `${owner}.${hash}`;
  const room = { maxInFlight: 10_000 };
  const of = (access: string) => {
    const owner = userIdOf(access.split(' of ')[1] ?? '');
    return [...kept].filter(([place]) => place.startsWith(`${owner}.`));
  };
  return [
    endpoint(
      sessionLoad,
      async ({ place }) => {
        const session = kept.get(at(place));
        return session === undefined ? {} : { session };
      },
      room,
    ),
    endpoint(
      sessionKeep,
      async ({ place, kept: text, expected }) => {
        if ((kept.get(at(place))?.sequence ?? 0) !== expected) return {};
        sequence += 1;
        kept.set(at(place), { hash: place.hash, kept: text, sequence });
        return { sequence };
      },
      room,
    ),
    endpoint(
      sessionDrop,
      async ({ place }) => {
        kept.delete(at(place));
        return {};
      },
      room,
    ),
    endpoint(sessionList, async ({ access }) => ({ sessions: of(access).map(([, session]) => session) }), room),
    endpoint(
      accountLeave,
      async ({ access }) => {
        const own = of(access);
        for (const [place] of own) kept.delete(place);
        return { ended: own.length };
      },
      room,
    ),
  ];
}
