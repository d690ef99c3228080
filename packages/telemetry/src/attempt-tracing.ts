import type { AttemptHook, AttemptInfo, AttemptResult } from '@millrace/contracts';
import { context, isSpanContextValid, ROOT_CONTEXT, type Span, SpanKind, trace } from '@opentelemetry/api';
import { AttemptTrace } from './attempt-trace.ts';
import { ATTRIBUTES } from './names.ts';
import { failSpan, linksTo, tracer } from './spans.ts';
import { contextOf } from './traceparent.ts';

/** Traces attempts. The first one continues the trace of the request that made the job, after the time in the queue. Later ones
 *  have traces of their own, linked to that: who has lost a worker may go on hours later. */
export class AttemptTracing implements AttemptHook {
  /** @param withContent whether spans hold prompts and answers */
  constructor(readonly options: { readonly withContent: boolean }) {}

  async around(attempt: AttemptInfo, next: () => Promise<AttemptResult>): Promise<AttemptResult> {
    const span = spanOf(attempt);
    if (!span.isRecording()) {
      // what a pipeline traces by itself must not be recorded either
      return isSpanContextValid(span.spanContext()) ? context.with(trace.setSpan(ROOT_CONTEXT, span), next) : next();
    }
    const calls = context.with(ROOT_CONTEXT, () => new AttemptTrace(span, this.options.withContent));
    try {
      const result = await calls.run(next);
      calls.end();
      span.setAttributes({
        [ATTRIBUTES.outcome]: result.outcome,
        [ATTRIBUTES.inputTokens]: result.usage.inputTokens,
        [ATTRIBUTES.outputTokens]: result.usage.outputTokens,
      });
      if (result.outcome === 'failed') failSpan(span, result.code ?? 'INTERNAL');
      else span.end();
      return result;
    } catch (error) {
      calls.end();
      failSpan(span, 'INTERNAL');
      throw error;
    }
  }
}

function spanOf(info: AttemptInfo): Span {
  const { jobId, tenant, attempt, pipeline, model, traceparent, queueMs } = info;
  const attributes = {
    [ATTRIBUTES.requestId]: jobId,
    [ATTRIBUTES.tenant]: tenant,
    [ATTRIBUTES.pipeline]: pipeline,
    [ATTRIBUTES.requestModel]: model,
    [ATTRIBUTES.attempt]: attempt,
  };
  if (attempt > 1) {
    return tracer.startSpan(
      'attempt',
      { kind: SpanKind.CONSUMER, attributes, links: linksTo(traceparent) },
      ROOT_CONTEXT,
    );
  }
  const parent = contextOf(traceparent);
  const now = Date.now();
  const waited = { [ATTRIBUTES.requestId]: jobId, [ATTRIBUTES.tenant]: tenant };
  // a job without a trace context begins its trace with the attempt
  if (parent !== ROOT_CONTEXT) {
    tracer.startSpan('queue wait', { startTime: now - queueMs, attributes: waited }, parent).end(now);
  }
  return tracer.startSpan('attempt', { kind: SpanKind.CONSUMER, startTime: now, attributes }, parent);
}
