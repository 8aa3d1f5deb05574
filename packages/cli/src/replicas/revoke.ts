import { replicaRevoke } from '@countersign/contracts';
import { command } from '../command.ts';
import { confirm } from '../terminal/confirm.ts';

export const replicasRevoke = command({
  name: 'replicas revoke',
  summary: 'Cut a replica off, at once and for good, or take an invitation back.',
  details:
    'NATS refuses it, its database login ends, its certificate is not renewed. An app-server also knew the key ring and the passwords ' +
    'of carriers: docs/operations/joining.md says what to change.',
  arguments: { name: { description: 'Name of the replica.' } },
  options: { reason: { kind: 'text', required: true, description: 'Why, for the audit.' } },
  examples: ['countersign replicas revoke sdk-gateway-3 --reason "stolen"'],
  async run(session, { name, reason }) {
    await confirm(session, `${name} is cut off at once, and for good: it has to join anew.`);
    const { ask } = await session.connection();
    const revoked = await ask(replicaRevoke, { name, reason });
    const nats =
      revoked.told.length === 0
        ? 'It was no user of NATS.'
        : `NATS refuses it on ${revoked.told.join(', ')} (${revoked.told.length} of ${revoked.servers}).`;
    const rest = revoked.told.length > 0 && revoked.told.length < revoked.servers;
    const login = revoked.databaseLogin ? ' Its database login ended.' : '';
    const later = rest ? ' A server that is away learns of it within seconds after it is back.' : '';
    return { json: revoked, text: `${name} is revoked. ${nats}${later}${login}\n` };
  },
});
