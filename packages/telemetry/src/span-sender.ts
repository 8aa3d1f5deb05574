import { Agent as HttpAgent, request as httpRequest } from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import type { Logger } from './logger.ts';
import type { MetricDefinition, Metrics } from './metrics.ts';
import { encodeSpans, rejectedOf, type Resource } from './otlp.ts';
import type { FinishedSpan } from './span.ts';

export const SPANS_SENT = {
  name: 'countersign_spans_sent_total',
  help: 'Spans that the collector of traces took.',
} as const satisfies MetricDefinition;

export const SPANS_DROPPED = {
  name: 'countersign_spans_dropped_total',
  help: 'Spans given up: full (too many waited), unsent (the collector did not answer or refused), rejected (it took only the others).',
  labels: ['reason'],
} as const satisfies MetricDefinition;

export interface SpanSenderOptions {
  /** `https://collector:4318/v1/traces` */
  url: string;
  resource: Resource;
  metrics: Metrics;
  logger: Logger;
}

export interface SpanSender {
  /** Never waits and never fails: what there is no room for is dropped and counted. */
  take(span: FinishedSpan): void;
  /** Takes nothing more and sends what waits, once and for half a second at most. */
  close(): Promise<void>;
}

const MAX_WAITING = 4096;
const MAX_BATCH = 512;
const SEND_EVERY_MS = 1000;
const SEND_WITHIN_MS = 2000;
const CLOSE_WITHIN_MS = 500;
const MAX_ANSWER_BYTES = 64 * 1024;

/** Hands spans to a collector by OTLP/HTTP, in the background, one batch at a time. A batch that does not get there is not tried again. */
export function createSpanSender({ url, resource, metrics, logger }: SpanSenderOptions): SpanSender {
  const post = poster(new URL(url));
  const sent = metrics.counter(SPANS_SENT);
  const dropped = metrics.counter(SPANS_DROPPED);
  for (const reason of ['full', 'unsent', 'rejected']) dropped.inc({ reason }, 0);
  let waiting: FinishedSpan[] = [];
  let sending: Promise<void> | undefined;
  let isAway = false;
  let isClosed = false;
  const timer = setInterval(() => void send(), SEND_EVERY_MS);
  timer.unref();

  function send(): Promise<void> {
    sending ??= sendAll().finally(() => (sending = undefined));
    return sending;
  }

  async function sendAll(): Promise<void> {
    while (waiting.length > 0) {
      const batch = waiting.splice(0, MAX_BATCH);
      try {
        const rejected = Math.min(rejectedOf(await post(encodeSpans(resource, batch))), batch.length);
        sent.inc(batch.length - rejected);
        dropped.inc({ reason: 'rejected' }, rejected);
        if (isAway) logger.info('traces.sent', { count: batch.length });
        isAway = false;
      } catch (error) {
        dropped.inc({ reason: 'unsent' }, batch.length);
        if (!isAway) logger.warn('traces.unsent', { error, detail: 'Spans are dropped until the collector answers.' });
        isAway = true;
        // The next batch waits for the next tick, so that a collector that hangs is asked seldom.
        return;
      }
    }
  }

  return {
    take: (span) => {
      if (isClosed || waiting.length >= MAX_WAITING) dropped.inc({ reason: 'full' });
      else waiting.push(span);
      if (waiting.length >= MAX_BATCH && !isAway) void send();
    },
    close: async () => {
      isClosed = true;
      clearInterval(timer);
      const late = setTimeout(() => post.abort(), CLOSE_WITHIN_MS);
      await sending;
      if (!isAway) await send();
      clearTimeout(late);
      dropped.inc({ reason: 'unsent' }, waiting.length);
      waiting = [];
      post.close();
    },
  };
}

/** Keeps one connection. */
function poster(url: URL) {
  const isSecure = url.protocol === 'https:';
  const options = { keepAlive: true, maxSockets: 1 };
  const agent = isSecure ? new HttpsAgent(options) : new HttpAgent(options);
  const closing = new AbortController();

  const post = (body: string): Promise<string> =>
    new Promise((resolve, reject) => {
      const headers = { 'content-type': 'application/json', 'content-length': String(Buffer.byteLength(body)) };
      const request = (isSecure ? httpsRequest : httpRequest)(url, {
        method: 'POST',
        agent,
        headers,
        signal: AbortSignal.any([AbortSignal.timeout(SEND_WITHIN_MS), closing.signal]),
      });
      request.once('error', reject);
      request.once('response', (answer) => {
        let text = '';
        answer.setEncoding('utf8');
        answer.on('data', (chunk: string) => {
          text += chunk;
          if (text.length > MAX_ANSWER_BYTES) request.destroy(new Error('the collector says too much'));
        });
        answer.once('error', reject);
        answer.once('end', () => {
          if (answer.statusCode === 200) resolve(text);
          else reject(new Error(`the collector answered ${answer.statusCode}`));
        });
      });
      request.end(body);
    });
  return Object.assign(post, { abort: () => closing.abort(), close: () => agent.destroy() });
}
