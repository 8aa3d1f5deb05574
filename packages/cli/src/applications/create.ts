import { applicationCreate, SCOPES, type Scope } from '@countersign/contracts';
import { command } from '../command.ts';
import { given } from '../given.ts';
import { CERTIFICATE_OPTION, fingerprints } from './certificate.ts';
import { newKeyText } from './new-key-text.ts';

export const applicationsCreate = command({
  name: 'applications create',
  summary: 'Create a relying application; shows its API key, this once.',
  details: 'Give an application no more scopes than it needs: challenge is enough to ask for codes.',
  arguments: { name: { description: 'Name, as people see it in messages.' } },
  options: {
    scope: { kind: 'texts', required: true, choices: SCOPES, description: 'What it may do.' },
    certificate: CERTIFICATE_OPTION,
  },
  examples: [
    'countersign applications create Intranet --scope challenge',
    'countersign applications create Helpdesk --scope user.read --scope user.write --certificate helpdesk.pem',
  ],
  async run(session, input) {
    const certificates = fingerprints(input.certificate);
    const { ask } = await session.connection();
    const key = await ask(applicationCreate, {
      name: input.name,
      scopes: [...new Set(input.scope)] as Scope[],
      ...given({ certificates }),
    });
    return { json: key, text: newKeyText(key, 'Keep it where only the application can read it.') };
  },
});
