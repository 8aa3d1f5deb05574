import { setTimeout as sleep } from 'node:timers/promises';
import type { InputOf, leadersMove, OutputOf } from '@countersign/contracts';
import type { Logger } from '@countersign/telemetry';
import { jetstreamManager, type JetStreamManager } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/nats-core';
import type { AuthorisedRequest } from '../application/authorise.ts';
import type { Trail } from '../audit/trail.ts';
import { handOver, nameOf } from './hand-over.ts';
import { isSettled, nextToHandOver, type Led } from './placement.ts';
import { readAll, readPlaced, type Placed } from './read.ts';
import { tellRest } from './rest.ts';

export interface MoveDependencies {
  bus: { nats: NatsConnection };
  placed: Placed;
  trail: Trail;
  logger: Logger;
  now: () => number;
}

const JETSTREAM = { timeout: 2000, checkAPI: false };
/** A leader that hands over has another in its place within milliseconds; one that is lost, after seconds. */
const ELECTED_WITHIN_MS = 3000;
const LOOK_EVERY_MS = 50;
/** The caller waits for 12 s. What is not reached is left for the next pass. */
const PASS_MS = 7000;
/** App-servers bring leaders to their places by themselves (keep.ts): not while somebody is about to stop a server. */
const REST_MS = 600_000;

type Moved = OutputOf<typeof leadersMove>['moved'];

/**
 * Lets leaders hand over, one after the other, so that at any time at most one stream is without: all that `server` leads; without it,
 * what is not in its place. It is written down before: whoever reads the audit later wants to know why a stream paused.
 * @throws MfaError UNAVAILABLE when the audit cannot be written.
 */
export async function move(
  { bus: { nats }, placed, trail, logger, now }: MoveDependencies,
  { server }: InputOf<typeof leadersMove>,
  request: AuthorisedRequest,
): Promise<OutputOf<typeof leadersMove>> {
  const manager = await jetstreamManager(nats, JETSTREAM);
  const until = performance.now() + PASS_MS;
  const next = async () =>
    server === undefined ? outOfPlace(await settled(manager, placed, until)) : ledBy(await readAll(manager), server);
  const moved: Moved = [];
  let left = await next();
  tellRest(nats, server === undefined ? 0 : REST_MS);
  if (left.length === 0) return { moved, left: [] };
  await trail.record({
    type: 'leaders.move',
    at: now(),
    attemptId: request.attemptId,
    actor: request.application.name,
    detail: { away: server ?? 'to their places', leaders: left.map((led) => `${nameOf(led)} from ${led.leader}`) },
  });
  for (let [led] = left; led !== undefined && performance.now() < until; [led] = left) {
    const to = await handedOver(nats, manager, led).catch((error: unknown) => {
      logger.warn('leaders.move', { detail: nameOf(led), error });
      return undefined;
    });
    if (to !== undefined) moved.push({ what: nameOf(led), from: led.leader ?? '', to });
    left = await next();
  }
  return { moved, left: left.map(nameOf) };
}

function ledBy(all: readonly Led[], server: string): Led[] {
  return all.filter(({ leader, followers }) => leader === server && followers.some(({ isCurrent }) => isCurrent));
}

/** A leader that just took over has not heard of its followers yet; what is not settled by then is a cluster that is not whole. */
async function settled(manager: JetStreamManager, placed: Placed, until: number): Promise<Led[]> {
  for (;;) {
    const all = await readPlaced(manager, placed);
    if (isSettled(all) || performance.now() >= until) return all;
    await sleep(LOOK_EVERY_MS);
  }
}

function outOfPlace(all: readonly Led[]): Led[] {
  // In a cluster that is not whole whoever hands over risks a pause instead of sparing one.
  return isSettled(all) ? [nextToHandOver(all) ?? []].flat() : [];
}

/** @returns who leads now; undefined when nobody else does in time. */
async function handedOver(nats: NatsConnection, manager: JetStreamManager, led: Led): Promise<string | undefined> {
  await handOver(nats, led);
  const until = performance.now() + ELECTED_WITHIN_MS;
  while (performance.now() < until) {
    const found = await readAll(manager).catch(() => []);
    const to = found.find((each) => each.handOver === led.handOver)?.leader;
    if (to !== undefined && to !== led.leader) return to;
    await sleep(LOOK_EVERY_MS);
  }
  return undefined;
}
