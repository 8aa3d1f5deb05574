import { applicationRotate } from '@countersign/contracts';
import { command } from '../command.ts';
import { formatDuration } from '../duration.ts';
import { given } from '../given.ts';
import { confirm } from '../terminal/confirm.ts';
import { CERTIFICATE_OPTION, fingerprints } from './certificate.ts';
import { newKeyText } from './new-key-text.ts';
import { APPLICATION_ARGUMENT, resolveApplication } from './resolve.ts';

const DEFAULT_OVERLAP_SECONDS = 7 * 86_400;

export const applicationsRotate = command({
  name: 'applications rotate',
  summary: 'Make a new API key; the older ones stay valid for a while.',
  details:
    'Change the key in the application during the overlap, and there is no outage. 0 revokes the older keys at once.',
  arguments: { application: APPLICATION_ARGUMENT },
  options: {
    overlap: {
      kind: 'seconds',
      maximum: 31_536_000,
      description: 'How long older keys stay valid, such as 12h; 7 days unless given.',
    },
    certificate: {
      ...CERTIFICATE_OPTION,
      description: `${CERTIFICATE_OPTION.description} Takes the place of the older ones.`,
    },
  },
  examples: ['countersign applications rotate Intranet', 'countersign applications rotate Intranet --overlap 12h'],
  async run(session, input) {
    const certificates = fingerprints(input.certificate);
    const connection = await session.connection();
    const { applicationId, name } = await resolveApplication(connection, input.application);
    const { overlap = DEFAULT_OVERLAP_SECONDS } = input;
    if (overlap === 0) {
      await confirm(
        session,
        `This revokes every key that ${name} uses now. It is locked out until it has the new one.`,
      );
    }
    const key = await connection.ask(applicationRotate, {
      applicationId,
      overlapSeconds: overlap,
      ...given({ certificates }),
    });
    const fate =
      overlap === 0 ? 'Older keys are revoked.' : `Older keys are valid for another ${formatDuration(overlap)}.`;
    return { json: key, text: newKeyText(key, fate) };
  },
});
