import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { AttemptInfo, AttemptResult } from '@millrace/contracts';
import { context, SpanStatusCode, trace } from '@opentelemetry/api';
import { InMemorySpanExporter, NodeTracerProvider, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-node';
import { AttemptTrace, sendWithinCall } from './attempt-trace.ts';
import { AttemptTracing } from './attempt-tracing.ts';
import { LinkedSampler, samplerOf } from './sdk/linked-sampler.ts';

const TRACE = '0af7651916cd43dd8448eb211c80319c';
const REQUEST = 'b7ad6b7169203331';
const ATTEMPT: AttemptInfo = {
  ...{ jobId: 'job', tenant: 'acme', attempt: 1, pipeline: 'chat', model: 'openai:m', queueMs: 40 },
  traceparent: `00-${TRACE}-${REQUEST}-01`,
};
const COMPLETED: AttemptResult = { outcome: 'completed', usage: { inputTokens: 1, outputTokens: 2 } };

const kept = new InMemorySpanExporter();
const sampler = samplerOf({ OTEL_TRACES_SAMPLER: 'parentbased_always_on', OTEL_TRACES_SAMPLER_ARG: 1 });
const provider = new NodeTracerProvider({
  sampler: new LinkedSampler(sampler),
  spanProcessors: [new SimpleSpanProcessor(kept)],
});
beforeAll(() => provider.register());
afterAll(() => provider.shutdown());
beforeEach(() => kept.reset());

const around = (attempt: AttemptInfo, run: () => Promise<AttemptResult>) =>
  new AttemptTracing({ withContent: false }).around(attempt, run);
const spans = () => kept.getFinishedSpans();
const named = (name: string) => spans().find((span) => span.name === name);

/** The trace of the attempt that runs. */
function current(): AttemptTrace {
  const attempt = AttemptTrace.current();
  if (attempt === undefined) throw new Error('no attempt is traced');
  return attempt;
}

/** The span that a request sent now would hang under. */
const senderNow = () => sendWithinCall(() => trace.getSpan(context.active())?.spanContext().spanId);

describe('the first attempt', () => {
  it('is in the trace of its request, after the time in the queue', async () => {
    await around(ATTEMPT, async () => COMPLETED);
    const [wait, attempt] = [named('queue wait'), named('attempt')];
    for (const span of [wait, attempt]) {
      expect(span?.spanContext().traceId).toBe(TRACE);
      expect(span?.parentSpanContext?.spanId).toBe(REQUEST);
    }
    expect(wait?.duration).toEqual([0, 40_000_000]);
    expect(attempt?.attributes).toMatchObject({ 'millrace.outcome': 'completed', 'gen_ai.usage.output_tokens': 2 });
  });

  it('can be named while it runs', async () => {
    await around(ATTEMPT, async () => {
      expect(current().traceId).toBe(TRACE);
      return COMPLETED;
    });
  });

  it('begins a trace for a job without one, as older releases recorded it', async () => {
    await around({ ...ATTEMPT, traceparent: null }, async () => COMPLETED);
    expect(spans().map(({ name }) => name)).toEqual(['attempt']);
    expect(named('attempt')?.parentSpanContext).toBeUndefined();
  });

  it('is not recorded if its request was not, nor what it makes itself', async () => {
    await around({ ...ATTEMPT, traceparent: `00-${TRACE}-${REQUEST}-00` }, async () => {
      expect(AttemptTrace.current()).toBeUndefined();
      trace.getTracer('a pipeline').startSpan('own').end();
      return COMPLETED;
    });
    expect(spans()).toEqual([]);
  });

  it('fails by its code', async () => {
    await around(ATTEMPT, async () => ({ ...COMPLETED, outcome: 'failed', code: 'MODEL_ERROR' }));
    expect(named('attempt')).toMatchObject({
      status: { code: SpanStatusCode.ERROR },
      attributes: { 'error.type': 'MODEL_ERROR' },
    });
    await expect(around(ATTEMPT, () => Promise.reject(new Error('words')))).rejects.toThrow('words');
    expect(spans().at(-1)?.status).toEqual({ code: SpanStatusCode.ERROR });
  });
});

describe('a later attempt', () => {
  it('has a trace of its own, linked to the request', async () => {
    await around({ ...ATTEMPT, attempt: 2 }, async () => COMPLETED);
    const attempt = named('attempt');
    expect(spans()).toHaveLength(1);
    expect(attempt?.spanContext().traceId).not.toBe(TRACE);
    expect(attempt?.links).toMatchObject([{ context: { traceId: TRACE, spanId: REQUEST } }]);
  });
});

describe('a request of an attempt', () => {
  const model = (name: string) => current().model({ provider: 'openai', model: name });
  const idOf = (name: string) => named(name)?.spanContext().spanId;

  it('belongs to the first call of a model that has sent none, then to what began last', async () => {
    const senders: (string | undefined)[] = [];
    await around(ATTEMPT, async () => {
      const outside = senderNow();
      const [first, second] = [model('first'), model('second')];
      const tool = current().tool({ name: 'look', callId: 'c' });
      await Promise.resolve();
      senders.push(senderNow(), senderNow(), senderNow());
      for (const call of [first, second]) call.end({});
      tool.end({});
      senders.push(senderNow());
      expect(senders.at(-1)).toBe(outside);
      return COMPLETED;
    });
    expect(senders.slice(0, 3)).toEqual([idOf('chat first'), idOf('chat second'), idOf('execute_tool look')]);
    expect(senders[3]).toBe(idOf('attempt'));
  });

  it('of another attempt that runs at the same time does not mix with it', async () => {
    const other = { ...ATTEMPT, jobId: 'other', traceparent: `00-${'1'.repeat(32)}-${REQUEST}-01` };
    const gate = Promise.withResolvers<void>();
    const run = async (name: string) => {
      const call = model(name);
      await gate.promise;
      const sender = senderNow();
      call.end({});
      expect(sender).toBe(idOf(`chat ${name}`));
      return COMPLETED;
    };
    const both = [around(ATTEMPT, () => run('one')), around(other, () => run('two'))];
    gate.resolve();
    await Promise.all(both);
  });

  it('ends with the attempt, if it was given up', async () => {
    await around(ATTEMPT, async () => {
      model('silent');
      return { ...COMPLETED, outcome: 'cancelled' };
    });
    expect(named('chat silent')?.status).toEqual({ code: SpanStatusCode.UNSET });
    expect(named('attempt')?.attributes['millrace.outcome']).toBe('cancelled');
  });

  it('has no content, unless that is asked for', async () => {
    const input = () => [{ role: 'user', parts: [{ type: 'text', content: 'x'.repeat(20_000) }] }];
    const run = async () => {
      current().model({ provider: 'google-genai', model: 'm', input }).end({ output: input });
      return COMPLETED;
    };
    await around(ATTEMPT, run);
    expect(JSON.stringify(named('chat m')?.attributes)).not.toContain('xx');
    expect(named('chat m')?.attributes['gen_ai.provider.name']).toBe('gcp.gemini');
    kept.reset();
    await new AttemptTracing({ withContent: true }).around(ATTEMPT, run);
    const shown = String(named('chat m')?.attributes['gen_ai.output.messages']);
    expect([shown.length < 17_000, shown.includes('xx')]).toEqual([true, true]);
  });

  it('adds at most 200 names of models to those of spans', async () => {
    await around(ATTEMPT, async () => {
      for (let nth = 0; nth < 300; nth += 1) model(`model-${nth}`).end({});
      return COMPLETED;
    });
    const names = new Set(spans().map(({ name }) => name));
    expect(names.has('chat')).toBe(true);
    expect(names.size).toBeLessThan(210);
  });
});
