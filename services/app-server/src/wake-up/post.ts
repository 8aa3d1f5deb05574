import { request, type Dispatcher } from 'undici';

export interface PostRequest {
  url: string;
  headers: Record<string, string>;
  body: string | null;
  dispatcher: Dispatcher;
  signal: AbortSignal;
}

export type Posted = { end: 'answered'; status: number; body: string } | { end: 'failed'; reason: string };

const MAX_ANSWER_BYTES = 16 * 1024;

/** One request, over HTTPS. A redirect is an answer like any other. Never throws. */
export async function post({ url, headers, body, dispatcher, signal }: PostRequest): Promise<Posted> {
  try {
    const answer = await request(url, { method: 'POST', headers, body, dispatcher, signal });
    return { end: 'answered', status: answer.statusCode, body: await readBody(answer.body) };
  } catch (error) {
    return { end: 'failed', reason: signal.aborted ? 'timeout' : reasonOf(error) };
  }
}

/** The status decides; a body that breaks off or is too long has said enough. */
async function readBody(body: AsyncIterable<Buffer>): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  try {
    for await (const chunk of body) {
      bytes += chunk.length;
      // Leaving the loop closes the connection.
      if (bytes > MAX_ANSWER_BYTES) break;
      chunks.push(chunk);
    }
  } catch {
    return '';
  }
  return Buffer.concat(chunks).toString('utf8');
}

/** The code alone: messages quote hosts and headers. */
export function reasonOf(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  return typeof code === 'string' && /^[A-Z0-9_]{1,48}$/.test(code) ? code.toLowerCase() : 'error';
}
