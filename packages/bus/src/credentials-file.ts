import { readFileSync } from 'node:fs';

/** Credentials of a NATS user (JWT and seed), read anew whenever they are needed: renewing them takes no restart. */
export interface CredentialsFile {
  /** Of the user, as whoever admitted it wrote it down. */
  readonly name: string;
  /** What the file holds now; what it held last while it cannot be read. */
  current(): Uint8Array;
}

/** @throws Error when the file cannot be read or holds no credentials; nothing of it is repeated. */
export function openCredentials(path: string): CredentialsFile {
  let last = read(path);
  return {
    name: credentialsName(last, path),
    current: () => {
      try {
        last = read(path);
      } catch {
        // In the middle of being replaced. A reason to close the connection for good it is not.
      }
      return last;
    },
  };
}

function read(path: string): Uint8Array {
  const bytes = readFileSync(path);
  credentialsName(bytes, path);
  return bytes;
}

/** NATS checks the signature; here it is only about what we call ourselves. @throws Error when there is no name. */
export function credentialsName(bytes: Uint8Array, path = 'The text'): string {
  const [, payload] =
    /-----BEGIN NATS USER JWT-----\s+[\w-]+\.([\w-]+)\.[\w-]+\s/.exec(Buffer.from(bytes).toString()) ?? [];
  try {
    const { name } = JSON.parse(Buffer.from(payload ?? '', 'base64url').toString('utf8')) as { name?: unknown };
    if (typeof name === 'string') return name;
  } catch {
    // Told below.
  }
  throw new Error(`${path} holds no NATS credentials. Join again, or take the file from a backup.`);
}
