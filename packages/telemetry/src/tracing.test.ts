import { createServer } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { MfaError } from '@countersign/contracts';
import { afterEach, describe, expect, test } from 'vitest';
import { createLogger, silentLogger } from './logger.ts';
import { createMetrics } from './metrics.ts';
import type { SpanAttributes } from './span.ts';
import { currentTrace, withinTrace } from './trace-scope.ts';
import { formatTraceparent } from './trace.ts';
import { createTracing, noTracing, type Tracing } from './tracing.ts';

const closing: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).toReversed()) await close();
});

/** Takes what is sent and answers as it is told. */
async function collector(
  answer: () => { status: number; body: string } | 'nothing' = () => ({ status: 200, body: '{}' }),
) {
  const bodies: string[] = [];
  const server = createServer((request, response) => {
    let body = '';
    request.setEncoding('utf8').on('data', (chunk: string) => (body += chunk));
    request.on('end', () => {
      bodies.push(body);
      const said = answer();
      if (said !== 'nothing') response.writeHead(said.status).end(said.body);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  closing.push(() => {
    server.closeAllConnections();
    return new Promise((resolve) => server.close(resolve));
  });
  const address = server.address();
  const port = typeof address === 'object' ? address?.port : undefined;
  return { url: `http://127.0.0.1:${port}/v1/traces`, bodies };
}

function traced(url: string | undefined, ratio = 1) {
  const metrics = createMetrics({ service: 's', replica: 'r', processMetrics: false });
  const now = () => Date.now();
  const tracing = createTracing({ url, ratio, service: 's', replica: 'r', now, metrics, logger: silentLogger() });
  const dropped = async (reason: string) =>
    Number(new RegExp(`dropped_total\\{reason="${reason}".*\\} (\\d+)`).exec(await metrics.text())?.[1]);
  return { tracing, metrics, dropped };
}

interface Sent {
  name: string;
  traceId: string;
  spanId: string;
  parentSpanId?: string;
  status?: { code: number };
  attributes: { key: string; value: { stringValue?: string; intValue?: string } }[];
}

function spansIn(bodies: readonly string[]): Sent[] {
  return bodies.flatMap((body) => {
    const { resourceSpans } = JSON.parse(body) as { resourceSpans: { scopeSpans: { spans: Sent[] }[] }[] };
    return resourceSpans.flatMap(({ scopeSpans }) => scopeSpans.flatMap(({ spans }) => spans));
  });
}

async function twoDeep(tracing: Tracing): Promise<void> {
  const request = tracing.enter('request', undefined, { kind: 'server' });
  const operation = tracing.follow('operation', formatTraceparent(request.trace));
  await withinTrace(operation.trace, () => tracing.span('outer', {}, () => tracing.span('inner', {}, () => delay(1))));
  operation.end();
  request.end();
}

describe('spans', () => {
  test('go below each other, over processes and within one', async () => {
    const { url, bodies } = await collector();
    const { tracing } = traced(url);
    await twoDeep(tracing);
    await tracing.close();
    const spans = spansIn(bodies);
    const named = (name: string) => spans.find((span) => span.name === name);
    expect(spans).toHaveLength(4);
    expect(named('request')?.parentSpanId).toBeUndefined();
    expect(named('operation')?.parentSpanId).toBe(named('request')?.spanId);
    expect(named('outer')?.parentSpanId).toBe(named('operation')?.spanId);
    expect(named('inner')?.parentSpanId).toBe(named('outer')?.spanId);
    expect(new Set(spans.map(({ traceId }) => traceId)).size).toBe(1);
  });

  test('R24: an error is its code; its sentence, and attributes that are not on the list, stay here', async () => {
    const { url, bodies } = await collector();
    const { tracing } = traced(url);
    const root = tracing.enter('request', undefined, { attributes: { phone: '+37120000012' } as SpanAttributes });
    root.set({ 'countersign.carrier': 'asked +37120000012' });
    await withinTrace(root.trace, async () => {
      await tracing.span('refused', {}, () => Promise.reject(new MfaError('CODE_REJECTED'))).catch(() => undefined);
      await tracing.span('broken', {}, () => Promise.reject(new Error('secret 492039'))).catch(() => undefined);
    });
    root.end();
    await tracing.close();
    const spans = spansIn(bodies);
    expect(spans.find(({ name }) => name === 'refused')).toMatchObject({
      attributes: [{ key: 'countersign.code', value: { stringValue: 'CODE_REJECTED' } }],
    });
    expect(spans.find(({ name }) => name === 'refused')?.status).toBeUndefined();
    expect(spans.find(({ name }) => name === 'broken')?.status).toEqual({ code: 2 });
    expect(bodies.join()).not.toMatch(/492039|20000012|"phone"/);
  });

  test('are recorded for the share of traces that was asked for, whatever a stranger says, and then whole', async () => {
    const { url, bodies } = await collector();
    const { tracing } = traced(url, 0.5);
    for (let n = 0; n < 400; n++) await twoDeep(tracing);
    for (let n = 0; n < 20; n++) {
      const traceId = `${String(n).padStart(19, '1')}${'f'.repeat(13)}`;
      tracing.enter('stranger', `00-${traceId}-00f067aa0ba902b7-01`).end();
    }
    await tracing.close();
    const spans = spansIn(bodies);
    expect(spans.filter(({ name }) => name === 'stranger')).toEqual([]);
    const traces = Map.groupBy(spans, ({ traceId }) => traceId);
    expect(traces.size).toBeGreaterThan(120);
    expect(traces.size).toBeLessThan(280);
    for (const whole of traces.values()) expect(whole).toHaveLength(4);
  });

  test('without a collector nothing is recorded, and the trace goes on all the same', async () => {
    const { tracing, metrics } = traced(undefined);
    expect(tracing).toBe(noTracing);
    const caller = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
    const { trace } = tracing.enter('request', caller);
    expect(trace.traceId).toBe('0af7651916cd43dd8448eb211c80319c');
    const seen = await withinTrace(trace, () => tracing.span('part', {}, (span) => Promise.resolve(span.trace)));
    expect(seen).toEqual(trace);
    expect(await metrics.text()).not.toContain('countersign_spans');
  });
});

describe('a collector that does not take them', () => {
  test.each([
    ['refuses', () => ({ status: 503, body: '' })],
    ['says nothing', () => 'nothing' as const],
  ])('%s: the work goes on, and what was dropped is counted', async (_, answer) => {
    const { url } = await collector(answer);
    const { tracing, dropped } = traced(url);
    await twoDeep(tracing);
    await tracing.close();
    expect(await dropped('unsent')).toBe(4);
  });

  test('is away: what waits is bounded', async () => {
    const { tracing, dropped } = traced('http://127.0.0.1:9/v1/traces');
    for (let n = 0; n < 10_000; n++) tracing.enter('request', undefined).end();
    expect(await dropped('full')).toBeGreaterThan(5000);
    await tracing.close();
    expect((await dropped('full')) + (await dropped('unsent'))).toBe(10_000);
  });

  test('takes some of them: the others are counted', async () => {
    const body = JSON.stringify({ partialSuccess: { rejectedSpans: '3', errorMessage: 'too old' } });
    const { url } = await collector(() => ({ status: 200, body }));
    const { tracing, metrics, dropped } = traced(url);
    await twoDeep(tracing);
    await tracing.close();
    expect(await dropped('rejected')).toBe(3);
    expect(await metrics.text()).toMatch(/countersign_spans_sent_total\{.*\} 1/);
  });
});

test('R25: what runs at once keeps its own trace, and its log lines name it', async () => {
  const lines: { event: string; traceId?: string }[] = [];
  const destination = { write: (line: string) => void lines.push(JSON.parse(line) as { event: string }) };
  const logger = createLogger({ service: 's', replica: 'r', destination });
  const work = async (n: number): Promise<void> => {
    const { trace } = noTracing.enter('request', undefined);
    await withinTrace(trace, async () => {
      for (let step = 0; step < 5; step++) {
        await delay(n % 3);
        expect(currentTrace()).toBe(trace);
      }
      logger.info(`work.${trace.traceId}`);
    });
  };
  await Promise.all(Array.from({ length: 200 }, (_, n) => work(n)));
  logger.info('outside');
  expect(lines).toHaveLength(201);
  for (const { event, traceId } of lines) expect(event === 'outside' ? 'outside' : `work.${traceId}`).toBe(event);
  expect(lines.at(-1)?.traceId).toBeUndefined();
});
