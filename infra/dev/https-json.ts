import { Agent, request } from 'node:https';

export interface JsonAnswer {
  status: number;
  headers: NodeJS.Dict<string | string[]>;
  body: Record<string, unknown>;
  /** From sending to the last byte. */
  ms: number;
}

export interface JsonClient {
  send(method: 'GET' | 'POST', url: string, body?: unknown): Promise<JsonAnswer>;
  close(): void;
}

/** HTTPS against an authority of one's own, with kept connections. @param ca PEM. */
export function createJsonClient(options: { ca: string; apiKey?: string; timeoutMs?: number }): JsonClient {
  const agent = new Agent({ ca: options.ca, keepAlive: true });
  const { timeoutMs = 20_000 } = options;
  return {
    send: (method, url, body) =>
      new Promise((resolve, reject) => {
        const startedAt = performance.now();
        const headers = {
          ...(options.apiKey !== undefined && { authorization: `Bearer ${options.apiKey}` }),
          ...(body !== undefined && { 'content-type': 'application/json' }),
        };
        const sent = request(url, { agent, method, headers, signal: AbortSignal.timeout(timeoutMs) }, (response) => {
          let text = '';
          response.setEncoding('utf8').on('data', (part: string) => (text += part));
          response.once('error', reject);
          response.once('end', () =>
            resolve({
              status: response.statusCode ?? 0,
              headers: response.headers,
              body: parse(text),
              ms: performance.now() - startedAt,
            }),
          );
        });
        sent.once('error', reject);
        sent.end(body === undefined ? undefined : JSON.stringify(body));
      }),
    close: () => agent.destroy(),
  };
}

function parse(text: string): Record<string, unknown> {
  try {
    return JSON.parse(text) as Record<string, unknown>;
  } catch {
    return {};
  }
}
