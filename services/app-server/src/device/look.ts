import type { deviceLook, InputOf, OutputOf } from '@countersign/contracts';
import type { UserLedger } from '../ledger/partitioned-ledger.ts';
import { isNews, tell, type TellDependencies } from './tell.ts';
import { readTicket } from './ticket.ts';

/**
 * Looks again for a phone that polled and waits: after a hint, or when a prompt of those that it shows has run out.
 * @throws MfaError as `readTicket` and `tell`; UNAVAILABLE when the ledger cannot be read.
 */
export async function look(
  deps: TellDependencies & { ledger: UserLedger },
  { ticket, isHinted }: InputOf<typeof deviceLook>,
): Promise<OutputOf<typeof deviceLook>> {
  const asked = readTicket(deps.ring, ticket, deps.now());
  // Whoever was hinted at is told what the leader says: a copy may not have heard of it yet.
  const suffices = isHinted ? (seen: Parameters<typeof isNews>[1]) => isNews(asked, seen, deps.now()) : undefined;
  return tell(deps, asked, await deps.ledger.peek(asked.userId, suffices));
}
