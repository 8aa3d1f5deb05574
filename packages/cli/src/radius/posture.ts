import { radiusPosture, type OutputOf } from '@countersign/contracts';
import { command } from '../command.ts';
import { EXIT } from '../exit-codes.ts';
import { printable } from '../terminal/printable.ts';
import { table } from '../terminal/table.ts';

type Posture = OutputOf<typeof radiusPosture>;

export const radiusPostureCommand = command({
  name: 'radius posture',
  summary: 'Show what was seen of each RADIUS client, what is wrong, and what is safe to enforce.',
  details: 'The exit code is 1 while something urgent stands; it is marked with an exclamation mark.',
  arguments: {},
  options: {},
  examples: ['countersign radius posture', 'countersign radius posture --json'],
  async run(session) {
    const { ask } = await session.connection();
    const posture = await ask(radiusPosture, {});
    const isUrgent = posture.clients.some(({ advice }) => advice.some(({ urgent }) => urgent));
    return {
      json: posture,
      text: [clientsText(posture), adviceText(posture), strangersText(posture)].filter(Boolean).join('\n'),
      exitCode: isUrgent ? EXIT.checkFailed.code : EXIT.ok.code,
    };
  },
});

/** As they come, in the order of the table. */
const PROTOCOLS = [
  ['pap', 'PAP'],
  ['mschapv2', 'MS-CHAPv2'],
  ['eap', 'EAP'],
  ['chap', 'CHAP'],
  ['accounting', 'accounting'],
  ['tls', 'TLS'],
  ['tls-1.1', 'RADIUS/1.1'],
] as const;

const HEADINGS = [
  'NAME',
  'PROFILE',
  'SIGNED',
  'REQUIRED',
  'PROTOCOLS',
  'DROPPED',
  'REPEATS AFTER',
  'WAIT',
  'SECRET',
  'SEEN',
];

function clientsText({ clients }: Posture): string {
  if (clients.length === 0) return 'No RADIUS clients.\n';
  const rows = clients.map((client) => [
    client.name,
    client.profile,
    signed(client),
    `${client.requireMessageAuthenticator}${client.learntAt === undefined ? '' : ' (learnt)'}`,
    PROTOCOLS.filter(([name]) => count(client, name) > 0)
      .map(([, title]) => title)
      .join(', '),
    String(dropped(client)),
    repeats(client),
    `${client.waitSeconds} s`,
    `${client.secretAgeDays} d`,
    client.lastSeenAt?.slice(0, 16).replace('T', ' ') ?? 'never',
  ]);
  return table(HEADINGS, rows);
}

type Client = Posture['clients'][number];

function count({ counts }: Client, name: string): number {
  return counts[name] ?? 0;
}

/** Of the requests that say whether they are. */
function signed(client: Client): string {
  const yes = count(client, 'message-authenticator');
  const all = yes + count(client, 'no-message-authenticator');
  return all === 0 ? '' : `${yes} of ${all}`;
}

function dropped({ counts }: Client): number {
  return Object.entries(counts)
    .filter(([name]) => name.startsWith('dropped-'))
    .reduce((sum, [, packets]) => sum + packets, 0);
}

function repeats({ retransmittedAfterMs, mostTries }: Client): string {
  const tries = mostTries === undefined ? '' : `, ${mostTries} times at most`;
  if (retransmittedAfterMs === undefined) return '';
  const [least, most] = retransmittedAfterMs.map((ms) => (ms / 1000).toFixed(1));
  return `${least === most ? least : `${least} to ${most}`} s${tries}`;
}

function adviceText({ clients }: Posture): string {
  return clients
    .flatMap(({ name, advice }) =>
      advice.map(
        ({ code, urgent, sentence }) => `${urgent ? '!' : ' '} ${printable(`${name}: ${code}. ${sentence}`)}\n`,
      ),
    )
    .join('');
}

function strangersText({ strangers }: Posture): string {
  if (strangers.length === 0) return '';
  const rows = strangers.map(({ address, packets, lastSeenAt }) => [address, String(packets), lastSeenAt]);
  return `Who asks and is no client:\n${table(['ADDRESS', 'PACKETS', 'LAST'], rows)}`;
}
