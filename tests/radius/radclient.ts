import { spawn } from 'node:child_process';

/** What radclient (FreeRADIUS) is told to send. */
export interface Radclient {
  port: number;
  command: 'auth' | 'acct' | 'status';
  secret: string;
  /** Address of this machine that it sends from: it says which client it is. */
  from: string;
  /** As FreeRADIUS writes them: `{ 'User-Name': '"alice"' }`. */
  attributes: Readonly<Record<string, string | readonly string[]>>;
  /** 127.0.0.1 unless given. */
  host?: string;
  /** For one answer, 10 unless given. */
  timeoutSeconds?: number;
  /** In all; 1 unless given. */
  tries?: number;
}

/** What radclient took for an answer. It drops what its secret did not make. */
export interface Heard {
  /** `Access-Accept` and the like; undefined when it took nothing. */
  code: string | undefined;
  /** As they stand in the packet. */
  attributes: { name: string; value: string }[];
  output: string;
}

export async function radclient(options: Radclient): Promise<Heard> {
  const { port, command, secret, from, host = '127.0.0.1', timeoutSeconds = 10, tries = 1 } = options;
  const address = from.includes(':') ? 'Packet-Src-IPv6-Address' : 'Packet-Src-IP-Address';
  const lines = Object.entries({ ...options.attributes, [address]: from }).flatMap(([name, values]) =>
    [values].flat().map((value) => `${name} = ${value}`),
  );
  const server = host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
  const args = ['-x', '-t', String(timeoutSeconds), '-r', String(tries), server, command, secret];
  const output = await outputOf('radclient', args, lines.join('\n'));
  return { ...lastHeard(output), output };
}

/** radtest, which is radclient with a Message-Authenticator and a NAS-IP-Address. It sends from wherever the system says. */
export async function radtest(username: string, password: string, port: number, secret: string): Promise<Heard> {
  const output = await outputOf('radtest', ['-x', username, password, `127.0.0.1:${port}`, '10', secret], '');
  return { ...lastHeard(output), output };
}

function outputOf(program: string, args: readonly string[], input: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'pipe'] });
    let output = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => (output += text));
    }
    child.once('error', reject);
    child.once('close', () => resolve(output));
    child.stdin.end(`${input}\n`);
  });
}

function lastHeard(output: string): Omit<Heard, 'output'> {
  const [, received] = output.split(/^Received /m);
  if (received === undefined) return { code: undefined, attributes: [] };
  const [first = '', ...lines] = received.split('\n');
  const attributes = lines.flatMap((line) => {
    const [, name, value] = /^\t([A-Za-z0-9-]+) = (.*)$/.exec(line) ?? [];
    return name === undefined || value === undefined ? [] : [{ name, value }];
  });
  return { code: first.split(' ')[0], attributes };
}

/** The first of this name, without quotes. */
export function valueOf({ attributes }: Pick<Heard, 'attributes'>, name: string): string | undefined {
  return attributes.find((attribute) => attribute.name === name)?.value.replaceAll(/^"|"$/g, '');
}
