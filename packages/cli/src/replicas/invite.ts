import { SERVICE_NAMES, type ServiceName } from '@countersign/authority';
import { replicaInvite } from '@countersign/contracts';
import { command } from '../command.ts';
import { given } from '../given.ts';

export const replicasInvite = command({
  name: 'replicas invite',
  summary: 'Let one machine join: shows a token that works once.',
  details: 'Whoever has the token first is the replica. Hand it over as you would a password.',
  arguments: {},
  options: {
    service: { kind: 'text', required: true, choices: SERVICE_NAMES, description: 'What the machine will run.' },
    name: {
      kind: 'text',
      required: true,
      description: 'Name of the replica, such as sdk-gateway-3: unique among those that are not revoked.',
    },
    host: {
      kind: 'texts',
      value: 'host',
      description:
        'Name or address by which others reach it, as often as there are; the name of the replica unless given.',
    },
    valid: {
      kind: 'seconds',
      minimum: 60,
      maximum: 604_800,
      description: 'How long the token can be used, such as 15m; 1 hour unless given, 7 days at most.',
    },
  },
  examples: [
    'countersign replicas invite --service sdk-gateway --name sdk-gateway-3 --host gateway3.example.com',
    'countersign replicas invite --service app-server --name app-server-2 --host app-2.example.com --valid 15m',
  ],
  async run(session, { service, name, host, valid }) {
    const { ask } = await session.connection();
    const invitation = await ask(replicaInvite, {
      // One of the choices.
      service: service as ServiceName,
      name,
      ...given({ hosts: host, validSeconds: valid }),
    });
    return {
      json: invitation,
      text: `On the new machine, until ${invitation.expiresAt}, countersign join asks for this token:\n\n${invitation.token}\n\n`,
    };
  },
});
