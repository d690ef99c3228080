import { context, ROOT_CONTEXT, SpanKind, trace } from '@opentelemetry/api';
import { ATTRIBUTES } from './names.ts';
import { failSpan, linksTo, tracer } from './spans.ts';
import { spanContextOf } from './traceparent.ts';

interface Webhook {
  readonly requestId: string;
  readonly tenant: string;
  /** trace context of its job */
  readonly traceparent: string | null;
}

/** Sends a webhook inside a trace of its own, which is linked to that of its job: it may be tried for a day.
 *  @param send says what has become of it */
export async function traceWebhook<Sent extends { readonly outcome: string }>(
  { requestId, tenant, traceparent }: Webhook,
  send: () => Promise<Sent>,
): Promise<Sent> {
  // a job from before there were traces has none to be linked to
  if (spanContextOf(traceparent) === null) return send();
  const options = { kind: SpanKind.INTERNAL, links: linksTo(traceparent) };
  const span = tracer.startSpan('webhook', options, ROOT_CONTEXT);
  if (!span.isRecording()) return send();
  span.setAttributes({ [ATTRIBUTES.requestId]: requestId, [ATTRIBUTES.tenant]: tenant });
  try {
    const sent = await context.with(trace.setSpan(ROOT_CONTEXT, span), send);
    span.setAttribute(ATTRIBUTES.outcome, sent.outcome);
    if (sent.outcome === 'failed') failSpan(span, 'webhook');
    else span.end();
    return sent;
  } catch (error) {
    failSpan(span, 'webhook');
    throw error;
  }
}
