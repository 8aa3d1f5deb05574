import { ENDED, INJECTED, LOAD_ENDED } from '../history.ts';
import type { Dumps } from './dumps.ts';
import type { Seen } from './read-history.ts';

/** Whether there is enough to judge by: who looked at nothing would find nothing wrong. */
export function wholeness(seen: Seen, dumps: Dumps): string[] {
  return [...unfinished(seen), ...forgotten(seen), ...untold(seen), ...unread(dumps)];
}

function unfinished({ marks, unreadable }: Seen): string[] {
  const names = marks.map(({ name }) => name);
  return [
    ...(unreadable > 0 ? [`${unreadable} lines of the history cannot be read`] : []),
    ...[INJECTED, LOAD_ENDED].filter((name) => !names.includes(name)).map((name) => `the history never says "${name}"`),
    ...(names.at(-1) === ENDED ? [] : ['the history breaks off']),
  ];
}

/** Whatever was begun has one end, and nothing else has. */
function forgotten({ begun, logins, writes }: Seen): string[] {
  const of = (what: 'login' | 'write', ended: readonly number[]) => {
    const numbers = begun.filter((each) => each.what === what).map(({ number }) => number);
    const started = new Set(numbers);
    const done = new Set(ended);
    return [
      ...(numbers.length === 0 ? [`no ${what} was begun`] : []),
      ...(started.size < numbers.length ? [`a ${what} was begun twice`] : []),
      ...(done.size < ended.length ? [`a ${what} ended twice`] : []),
      ...numbers.filter((number) => !done.has(number)).map((number) => `${what} ${number} has no end`),
      ...ended.filter((number) => !started.has(number)).map((number) => `${what} ${number} has no beginning`),
    ];
  };
  return [
    ...of(
      'login',
      logins.map(({ login }) => login),
    ),
    ...of(
      'write',
      writes.map(({ number }) => number),
    ),
  ];
}

/** Every "approved" that was heard belongs to a login that was let in, or to a code sent again, and the other way round. */
function untold({ exchanges, logins, replays }: Seen): string[] {
  const heard = (what: 'verify' | 'replay') =>
    new Set(exchanges.filter((each) => each.what === what && each.status === 200).map(({ login }) => login));
  const [verified, replayed] = [heard('verify'), heard('replay')];
  const accepted = new Set(logins.filter((login) => login.accepted !== undefined).map(({ login }) => login));
  const again = new Set(replays.filter(({ isIn }) => isIn).map(({ login }) => login));
  const inWithoutCode = logins.filter(({ isIn, accepted: code, challengeId }) => isIn && !(code && challengeId));
  return [
    ...[...verified]
      .filter((login) => !accepted.has(login))
      .map((login) => `login ${login} heard "approved" and does not say so`),
    ...[...accepted]
      .filter((login) => !verified.has(login))
      .map((login) => `login ${login} was let in, and nobody told it`),
    ...[...replayed]
      .filter((login) => !again.has(login))
      .map((login) => `a code of login ${login} let in again, and nobody says so`),
    ...inWithoutCode.map(({ login }) => `login ${login} was let in without saying by what`),
  ];
}

/** Every message of the ledger since the last look was read: it deletes none before a month. */
function unread({ ledger, starts, ends }: Dumps): string[] {
  if (ends.size === 0) return ['no stream of the ledger was read'];
  return [...ends].flatMap(([stream, end]) => {
    const start = starts.get(stream) ?? 0;
    if (end < start) return [`${stream} ended at ${start} before and ends at ${end} now`];
    const read = new Set(ledger.filter((message) => message.stream === stream).map(({ sequence }) => sequence));
    const gaps = Array.from({ length: end - start }, (_, index) => start + 1 + index).filter((at) => !read.has(at));
    return gaps.length === 0 ? [] : [`${stream} lacks ${gaps.length} messages, the first of them ${gaps[0]}`];
  });
}
