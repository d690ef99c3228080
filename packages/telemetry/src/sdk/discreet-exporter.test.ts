import { describe, expect, it } from '@jest/globals';
import { SpanStatusCode } from '@opentelemetry/api';
import {
  BasicTracerProvider,
  InMemorySpanExporter,
  type ReadableSpan,
  SimpleSpanProcessor,
  type SpanExporter,
} from '@opentelemetry/sdk-trace-node';
import { DiscreetExporter } from './discreet-exporter.ts';

function loggerOf(lines: string[]) {
  const write = (_: object, message: string) => void lines.push(message);
  return { info: write, warn: write };
}

describe('what is sent of a span', () => {
  it('has no words of errors, and no paths and queries', () => {
    const kept = new InMemorySpanExporter();
    const processor = new SimpleSpanProcessor(new DiscreetExporter(kept, loggerOf([])));
    const span = new BasicTracerProvider({ spanProcessors: [processor] }).getTracer('others').startSpan('GET');
    span.setAttributes({ 'url.full': 'https://a/secret?key=1', 'url.path': '/secret', 'url.query': 'key=1', kept: 1 });
    span.recordException(new Error('quotes the prompt'));
    span.addEvent('said');
    span.setStatus({ code: SpanStatusCode.ERROR, message: 'quotes the prompt' });
    span.end();
    const [sent] = kept.getFinishedSpans();
    expect(sent).toMatchObject({ name: 'GET', attributes: { kept: 1 }, status: { code: SpanStatusCode.ERROR } });
    expect(sent?.attributes).toEqual({ kept: 1 });
    expect(sent?.status).toEqual({ code: SpanStatusCode.ERROR });
    expect(sent?.events.map(({ name }) => name)).toEqual(['said']);
    expect(sent?.spanContext()).toEqual(span.spanContext());
  });
});

describe('an outage of the collector', () => {
  it('is two lines, however many batches fail', () => {
    const codes = [0, 1, 1, 1, 0, 0, 1];
    const collector: SpanExporter = {
      export: (_: ReadableSpan[], done) => done({ code: codes.shift() ?? 0, error: new Error('with a key') }),
      shutdown: async () => undefined,
    };
    const lines: string[] = [];
    const exporter = new DiscreetExporter(collector, loggerOf(lines));
    const results: number[] = [];
    while (codes.length > 0) exporter.export([], ({ code }) => results.push(code));
    expect(results).toEqual([0, 1, 1, 1, 0, 0, 1]);
    expect(lines).toEqual(['traces are not delivered', 'traces are delivered again', 'traces are not delivered']);
  });
});
