import { createTransport } from 'nodemailer';

export interface Mail {
  to: string;
  subject: string;
  text: string;
  /** Before the @ of its Message-ID: the same for a copy, so that mail programs show one. */
  id: string;
}

/** `refused`: by this recipient's server for good. `failed`: nobody knows, or not now. */
export type MailOutcome = { outcome: 'sent' } | { outcome: 'refused' | 'failed'; reason: string };

export interface Mailer {
  /** Never throws. */
  send(mail: Mail): Promise<MailOutcome>;
}

export interface SmtpSettings {
  /** `smtps://`, or `smtp://` with STARTTLS; user and password before the @. */
  url: string;
  from: string;
  /** PEM; those of the system unless given. */
  authorities?: string | undefined;
}

const CONNECT_MS = 5000;
const SILENCE_MS = 10_000;
const LOOPBACK: ReadonlySet<string> = new Set(['localhost', '127.0.0.1', '::1']);
const SUBMISSION_PORT = 587;
const SUBMISSIONS_PORT = 465;
/** One address and nothing else: a directory may say anything, and a comma or a line more would be other people. @see RFC 5321 section 4.1.2 */
const ADDRESS = /^[^\s\p{C}<>@,;:"()[\]\\]{1,64}@[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?$/u;

/** Mail by SMTP, never without TLS to another machine (RFC 8314). */
export function smtpMailer({ url, from, authorities }: SmtpSettings): Mailer {
  const { protocol, hostname, port, username, password } = new URL(url);
  const host = hostname.replaceAll(/^\[|\]$/g, '');
  const secure = protocol === 'smtps:';
  const isHere = LOOPBACK.has(host);
  const transport = createTransport({
    host,
    port: port === '' ? (secure ? SUBMISSIONS_PORT : SUBMISSION_PORT) : Number(port),
    secure,
    requireTLS: !secure && !isHere,
    ignoreTLS: !secure && isHere,
    ...(username !== '' && { auth: { user: decodeURIComponent(username), pass: decodeURIComponent(password) } }),
    tls: { minVersion: 'TLSv1.2', ...(authorities !== undefined && { ca: authorities }) },
    connectionTimeout: CONNECT_MS,
    greetingTimeout: CONNECT_MS,
    socketTimeout: SILENCE_MS,
    disableFileAccess: true,
    disableUrlAccess: true,
  });
  const domain = from.slice(from.lastIndexOf('@') + 1);

  return {
    send: async ({ to, subject, text, id }) => {
      if (!ADDRESS.test(to)) return { outcome: 'refused', reason: 'address' };
      try {
        await transport.sendMail({
          from,
          to: { name: '', address: to },
          subject: subject.replaceAll(/[\p{Cc}\p{Zl}\p{Zp}]+/gu, ' '),
          text,
          messageId: `<${id}@${domain}>`,
          // RFC 3834 section 5: nobody's absence answers it.
          headers: { 'Auto-Submitted': 'auto-generated' },
        });
        return { outcome: 'sent' };
      } catch (error) {
        return outcomeOf(error);
      }
    },
  };
}

/** Codes only: what a server says besides may hold the address. */
function outcomeOf(error: unknown): MailOutcome {
  const { code = 'UNKNOWN', responseCode } = error as { code?: string; responseCode?: number };
  const reason = responseCode === undefined ? code : `${code} ${responseCode}`;
  const isForGood = code === 'EENVELOPE' && responseCode !== undefined && responseCode >= 500;
  return { outcome: isForGood ? 'refused' : 'failed', reason };
}
