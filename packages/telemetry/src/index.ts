export {
  AttemptTrace,
  type ModelAnswer,
  type ModelRequest,
  sendWithinCall,
  type ToolRequest,
  type TracedCall,
  type TracedMessage,
} from './attempt-trace.ts';
export { AttemptTracing } from './attempt-tracing.ts';
export { RequestTrace, type TracedRequest } from './request-trace.ts';
export { isTraced, type TraceSettings, traceContentSettings, traceSettings } from './settings.ts';
export { traceStep } from './spans.ts';
export { startTracing } from './start-tracing.ts';
export { readTraceparent } from './traceparent.ts';
export { traceWebhook } from './webhook-trace.ts';
