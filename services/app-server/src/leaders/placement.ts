/** A stream, or a consumer with copies of its own, and who leads it. */
export interface Led {
  /** Subject that asks its leader to hand over. */
  handOver: string;
  /** Part of the ledger: its users wait for its leader, and for no other part's. */
  isLedger: boolean;
  /** Undefined while none is elected. */
  leader: string | undefined;
  followers: readonly { server: string; isCurrent: boolean }[];
}

/** Whoever hands over while a copy is behind, or away, risks a pause instead of sparing one. */
export function isSettled(all: readonly Led[]): boolean {
  return all.every(
    ({ leader, followers }) =>
      leader !== undefined && followers.length > 0 && followers.every(({ isCurrent }) => isCurrent),
  );
}

/**
 * Which leader should hand over, so that a server that dies holds up as few as it can: the parts of the ledger are led by different
 * servers, and all that every login needs besides (texts, budgets, remembered answers) by one and the same. Apart, each of three
 * servers would hold up everybody; together, one does, and the other two hold up the users of one part each.
 * @returns what hands over, since who takes over is not ours to say (nats-server before 2.11); undefined when all is well.
 */
export function nextToHandOver(all: readonly Led[]): Led | undefined {
  return (
    fromTheFullest(all.filter(({ isLedger }) => isLedger)) ?? fromElsewhere(all.filter(({ isLedger }) => !isLedger))
  );
}

/** One of those that the server with the most leads, if another leads at least two fewer. */
function fromTheFullest(ledger: readonly Led[]): Led | undefined {
  const load = new Map<string, Led[]>();
  for (const { leader, followers } of ledger) {
    for (const server of [leader ?? '', ...followers.map((copy) => copy.server)])
      load.set(server, load.get(server) ?? []);
  }
  for (const each of ledger) load.get(each.leader ?? '')?.push(each);
  const byLoad = [...load.values()].toSorted((a, b) => b.length - a.length);
  const [fullest = [], emptiest = []] = [byLoad[0], byLoad.at(-1)];
  return fullest.length - emptiest.length >= 2 ? fullest[0] : undefined;
}

/** One of those that are not where most of them are. */
function fromElsewhere(others: readonly Led[]): Led | undefined {
  const byServer = Map.groupBy(others, ({ leader }) => leader ?? '');
  const [home] = [...byServer].toSorted(([a, x], [b, y]) => y.length - x.length || a.localeCompare(b))[0] ?? [];
  return others.find(({ leader }) => leader !== home);
}
