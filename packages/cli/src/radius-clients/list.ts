import { applicationFind, radiusClientFind, type RadiusClientView } from '@countersign/contracts';
import { command } from '../command.ts';
import { table } from '../terminal/table.ts';

const HEADINGS = ['NAME', 'PROFILE', 'ASKS FROM', 'APPLICATION', 'MESSAGE-AUTHENTICATOR', 'VERSION', 'CLIENT ID'];

export const radiusClientsList = command({
  name: 'radius-clients list',
  summary: 'List the RADIUS clients, and what they are known by.',
  arguments: {},
  options: {},
  examples: ['countersign radius-clients list', 'countersign radius-clients list --json'],
  async run(session) {
    const { ask } = await session.connection();
    const [{ clients }, { applications }] = await Promise.all([ask(radiusClientFind, {}), ask(applicationFind, {})]);
    const names = new Map(applications.map(({ applicationId, name }) => [applicationId, name]));
    const rows = clients.map((client) => [
      client.name,
      client.settings.profile,
      knownBy(client),
      names.get(client.settings.applicationId) ?? client.settings.applicationId,
      requirement(client),
      String(client.version),
      client.clientId,
    ]);
    return { json: { clients }, text: rows.length === 0 ? 'No RADIUS clients.\n' : table(HEADINGS, rows) };
  },
});

/** Networks, and over TLS the names in its certificates or the beginnings of their fingerprints. */
export function knownBy({ settings: { networks, certificates = [] } }: RadiusClientView): string {
  const ofCertificates = certificates.map((certificate) =>
    'name' in certificate ? certificate.name : `${certificate.fingerprint.slice(0, 12)}…`,
  );
  return [...networks, ...ofCertificates].join(', ');
}

export function requirement({ settings, learntAt }: Pick<RadiusClientView, 'settings' | 'learntAt'>): string {
  return learntAt === undefined ? settings.requireMessageAuthenticator : 'yes (learnt)';
}
