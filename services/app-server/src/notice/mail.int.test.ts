import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { createAuthority, issueCertificate, type KeyAndCertificate } from '@countersign/testkit';
import { SMTPServer, type SMTPServerOptions } from 'smtp-server';
import { afterEach, beforeAll, describe, expect, test } from 'vitest';
import { smtpMailer, type Mail } from './mail.ts';

interface Taken {
  from: string | false;
  to: string[];
  raw: string;
  isSecure: boolean;
}

let authority: KeyAndCertificate;
let certificate: KeyAndCertificate;
const servers: SMTPServer[] = [];

beforeAll(async () => {
  const now = Date.now();
  authority = await createAuthority({ commonName: 'House', now });
  certificate = await issueCertificate(authority, {
    commonName: 'mail',
    usage: 'server',
    names: ['localhost', '127.0.0.1', '127.0.0.2'],
    now,
  });
});
afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => new Promise<void>((closed) => server.close(closed))));
});

async function serve(options: SMTPServerOptions = {}): Promise<{ port: number; taken: Taken[] }> {
  const taken: Taken[] = [];
  const server = new SMTPServer({
    authOptional: true,
    disabledCommands: ['STARTTLS'],
    logger: false,
    key: certificate.keyPem,
    cert: certificate.certificatePem,
    onData: (stream, session, done) => {
      const chunks: Buffer[] = [];
      stream.on('data', (chunk: Buffer) => chunks.push(chunk));
      stream.on('end', () => {
        const { mailFrom, rcptTo } = session.envelope;
        taken.push({
          from: mailFrom === false ? false : mailFrom.address,
          to: rcptTo.map(({ address }) => address),
          raw: Buffer.concat(chunks).toString('utf8'),
          isSecure: session.secure,
        });
        done();
      });
    },
    ...options,
  });
  server.on('error', () => undefined);
  servers.push(server);
  const { server: listening } = server;
  server.listen(0, '0.0.0.0');
  await once(listening, 'listening');
  return { port: (listening.address() as AddressInfo).port, taken };
}

const from = 'no-reply@example.com';
const mail: Mail = {
  to: 'alice@example.org',
  subject: 'Больница: изменение способа входа',
  text: 'К вашей учётной записи добавлен телефон.\n',
  id: 'notice-1',
};
const mailer = (url: string, authorities?: string) => smtpMailer({ url, from, authorities });

test('a plain text with the headers that keep machines from answering', async () => {
  const { port, taken } = await serve();
  expect(await mailer(`smtp://127.0.0.1:${port}`).send(mail)).toEqual({ outcome: 'sent' });
  expect(taken).toMatchObject([{ from, to: ['alice@example.org'] }]);
  const [head = '', body = ''] = taken[0]!.raw.split('\r\n\r\n');
  expect(head).toMatch(/^From: no-reply@example\.com$/m);
  expect(head).toMatch(/^To: alice@example\.org$/m);
  expect(head).toMatch(/^Message-ID: <notice-1@example\.com>$/m);
  expect(head).toMatch(/^Auto-Submitted: auto-generated$/m);
  expect(head).toMatch(/^Content-Type: text\/plain; charset=utf-8$/m);
  const encoding = /^Content-Transfer-Encoding: (\S+)$/m.exec(head)?.[1];
  expect(encoding).toBe('base64');
  expect(Buffer.from(body, 'base64').toString('utf8').trimEnd()).toBe(mail.text.trimEnd());
});

describe('what a directory, or an operator, wrote becomes no header and no other recipient', () => {
  test.each([
    'alice@example.org\r\nBcc: everybody@example.org',
    'alice@example.org, bob@example.org',
    'alice@example.org;bob@example.org',
    'Alice <alice@example.org>',
    '"alice@example.org> RCPT TO:<bob"@example.org',
    'group: alice@example.org, bob@example.org;',
    'alice',
    'alice@',
    'alice@-example.org\u2028',
    `${'a'.repeat(65)}@example.org`,
    `alice@${'a'.repeat(300)}.org`,
  ])('%j is refused before anything is sent', async (to) => {
    const { port, taken } = await serve();
    expect(await mailer(`smtp://127.0.0.1:${port}`).send({ ...mail, to })).toEqual({
      outcome: 'refused',
      reason: 'address',
    });
    expect(taken).toEqual([]);
  });

  test('a subject with line ends is one line', async () => {
    const { port, taken } = await serve();
    const subject = 'Hospital\r\nBcc: everybody@example.org\r\n\r\nbody';
    await mailer(`smtp://127.0.0.1:${port}`).send({ ...mail, subject });
    expect(taken[0]?.to).toEqual(['alice@example.org']);
    expect(taken[0]?.raw).not.toMatch(/^Bcc:/m);
    expect(taken[0]?.raw).toMatch(/^Subject: Hospital Bcc: everybody@example.org body$/m);
  });
});

describe('TLS to every other machine, with a certificate that counts (RFC 8314)', () => {
  const STARTTLS: SMTPServerOptions = { disabledCommands: [] };
  // Another address of this machine: to the mailer it is any other host.
  test.each<[string, SMTPServerOptions, boolean, boolean]>([
    ['smtps', { secure: true }, true, true],
    ['smtps', { secure: true }, false, false],
    ['smtp', STARTTLS, true, true],
    ['smtp', STARTTLS, false, false],
    ['smtp', {}, true, false],
  ])('%s://127.0.0.2 %o, authority known: %s, sent: %s', async (scheme, options, isKnown, isSent) => {
    const { port, taken } = await serve(options);
    const there = mailer(`${scheme}://127.0.0.2:${port}`, isKnown ? authority.certificatePem : undefined);
    expect((await there.send(mail)).outcome).toBe(isSent ? 'sent' : 'failed');
    expect(taken.map(({ isSecure }) => isSecure)).toEqual(isSent ? [true] : []);
  });

  test('a certificate for another name is refused', async () => {
    const other = await issueCertificate(authority, {
      commonName: 'other',
      usage: 'server',
      names: ['other.example.com'],
      now: Date.now(),
    });
    const { port, taken } = await serve({ secure: true, key: other.keyPem, cert: other.certificatePem });
    const there = mailer(`smtps://127.0.0.2:${port}`, authority.certificatePem);
    expect((await there.send(mail)).outcome).toBe('failed');
    expect(taken).toEqual([]);
  });
});

describe('what a server says', () => {
  test('user and password of the address, decoded', async () => {
    const seen: unknown[] = [];
    const { port } = await serve({
      secure: true,
      authOptional: false,
      onAuth: ({ username, password }, _session, done) => {
        seen.push([username, password]);
        done(null, { user: username });
      },
    });
    const url = `smtps://mail%40house:p%3Ass%2F1@127.0.0.1:${port}`;
    expect(await mailer(url, authority.certificatePem).send(mail)).toEqual({ outcome: 'sent' });
    expect(seen).toEqual([['mail@house', 'p:ss/1']]);
  });

  test.each([
    [550, 'refused'],
    [553, 'refused'],
    [451, 'failed'],
  ])('%s to the recipient: %s', async (responseCode, outcome) => {
    const { port } = await serve({
      onRcptTo: (_address, _session, done) => {
        done(Object.assign(new Error('alice@example.org is not here'), { responseCode }));
      },
    });
    const answer = await mailer(`smtp://127.0.0.1:${port}`).send(mail);
    expect(answer).toEqual({ outcome, reason: `EENVELOPE ${responseCode}` });
  });

  test('a wrong password is no refusal of the person', async () => {
    const { port } = await serve({
      secure: true,
      authOptional: false,
      onAuth: (_auth, _session, done) => done(new Error('no')),
    });
    const url = `smtps://house:wrong@127.0.0.1:${port}`;
    expect((await mailer(url, authority.certificatePem).send(mail)).outcome).toBe('failed');
  });

  test('nobody there', async () => {
    expect(await mailer('smtp://127.0.0.1:1').send(mail)).toEqual({ outcome: 'failed', reason: 'ESOCKET' });
  });
});
