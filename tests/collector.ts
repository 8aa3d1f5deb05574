import { createServer, type Server } from 'node:http';
import { waitUntil } from '@countersign/testkit';

/** A span as it came over the wire, with its attributes and those of its resource as plain objects. */
export interface ReceivedSpan {
  traceId: string;
  spanId: string;
  parentSpanId?: string;
  name: string;
  kind: number;
  startTimeUnixNano: string;
  endTimeUnixNano: string;
  status?: { code: number };
  attributes: Record<string, string>;
  resource: Record<string, string>;
}

export interface Collector {
  readonly url: string;
  /** Everything that was received, byte for byte. */
  readonly bodies: readonly string[];
  spans(): ReceivedSpan[];
  /** Waits for the spans of one trace until the last of these names is there. */
  trace(traceId: string, names: readonly string[]): Promise<ReceivedSpan[]>;
  stop(): Promise<void>;
}

interface KeyValue {
  key: string;
  value: { stringValue?: string; intValue?: string };
}

interface ExportRequest {
  resourceSpans: {
    resource: { attributes: KeyValue[] };
    scopeSpans: { spans: (Omit<ReceivedSpan, 'attributes' | 'resource'> & { attributes: KeyValue[] })[] }[];
  }[];
}

/** Takes spans by OTLP/HTTP as a collector of OpenTelemetry does (`ExportTraceServiceRequest` in JSON). */
export async function startCollector(): Promise<Collector> {
  const bodies: string[] = [];
  const server = createServer((request, response) => {
    let body = '';
    request.setEncoding('utf8').on('data', (chunk: string) => (body += chunk));
    request.on('end', () => {
      const isExport = request.method === 'POST' && request.url === '/v1/traces';
      const isJson = request.headers['content-type'] === 'application/json';
      if (isExport && isJson) bodies.push(body);
      response.writeHead(isExport && isJson ? 200 : 400, { 'content-type': 'application/json' }).end('{}');
    });
  });
  const port = await listen(server);
  const spans = () => bodies.flatMap(spansOf);
  return {
    url: `http://127.0.0.1:${port}/v1/traces`,
    bodies,
    spans,
    trace: async (traceId, names) => {
      const of = () => spans().filter((span) => span.traceId === traceId);
      await waitUntil(() => names.every((name) => of().some((span) => span.name === name)), {
        what: `the spans ${names.join(', ')}`,
      });
      return of();
    },
    stop: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function spansOf(body: string): ReceivedSpan[] {
  const { resourceSpans } = JSON.parse(body) as ExportRequest;
  return resourceSpans.flatMap(({ resource, scopeSpans }) =>
    scopeSpans.flatMap(({ spans }) =>
      spans.map((span) => ({
        ...span,
        attributes: plain(span.attributes),
        resource: plain(resource.attributes),
      })),
    ),
  );
}

function plain(attributes: KeyValue[]): Record<string, string> {
  return Object.fromEntries(attributes.map(({ key, value }) => [key, value.stringValue ?? value.intValue ?? '']));
}

async function listen(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (typeof address !== 'object' || address === null) throw new Error('no port');
  return address.port;
}
