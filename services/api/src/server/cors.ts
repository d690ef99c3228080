import type { FastifyCorsOptions } from '@fastify/cors';

const ALLOWED_HEADERS = [
  ...['Authorization', 'Content-Type', 'Idempotency-Key', 'If-None-Match', 'Last-Event-ID', 'Prefer', 'X-Api-Key'],
  ...['X-Millrace-On-Disconnect', 'X-Millrace-Resume', 'X-Request-Id', 'User-Agent'],
  // what the SDKs of OpenAI and Anthropic send of themselves
  ...['OpenAI-Beta', 'OpenAI-Organization', 'OpenAI-Project'],
  ...['Anthropic-Beta', 'Anthropic-Dangerous-Direct-Browser-Access', 'Anthropic-Version'],
  ...['X-Stainless-Arch', 'X-Stainless-Custom-Poll-Interval', 'X-Stainless-Helper-Method', 'X-Stainless-Lang'],
  ...['X-Stainless-OS', 'X-Stainless-Package-Version', 'X-Stainless-Poll-Helper', 'X-Stainless-Retry-Count'],
  ...['X-Stainless-Runtime', 'X-Stainless-Runtime-Version', 'X-Stainless-Timeout'],
];

const EXPOSED_HEADERS = [
  ...['X-Request-Id', 'Location', 'Last-Event-ID', 'Retry-After', 'X-Should-Retry', 'ETag'],
  ...['RateLimit', 'RateLimit-Policy'],
  ...['Content-Location', 'Request-Id', 'X-Workflow-Run-Id', 'X-Workflow-Stream-Tail-Index'],
  'X-Pagination-Next',
  ...['Stream-Next-Offset', 'Stream-Up-To-Date', 'Stream-Closed', 'Stream-Cursor'],
];

/** What pages of other origins may send and see. @see PROTOCOL.md §8 */
export function corsOptions(origins: readonly string[]): FastifyCorsOptions {
  return {
    origin: origins.includes('*') ? '*' : [...origins],
    methods: ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'],
    allowedHeaders: ALLOWED_HEADERS,
    exposedHeaders: EXPOSED_HEADERS,
    maxAge: 600,
    // answer an OPTIONS that is no preflight like any unknown route
    strictPreflight: false,
  };
}
