import type { FastifyCorsOptions } from '@fastify/cors';

/** What pages of other origins may send and see. @see PROTOCOL.md §8 */
export function corsOptions(origins: readonly string[]): FastifyCorsOptions {
  return {
    origin: origins.includes('*') ? '*' : [...origins],
    methods: ['GET', 'POST', 'DELETE'],
    allowedHeaders: [
      'Authorization',
      'Content-Type',
      'Idempotency-Key',
      'If-None-Match',
      'Last-Event-ID',
      'Prefer',
      'X-Api-Key',
      'X-Request-Id',
    ],
    exposedHeaders: [
      ...['X-Request-Id', 'Location', 'Last-Event-ID', 'Retry-After', 'ETag'],
      ...['Stream-Next-Offset', 'Stream-Up-To-Date', 'Stream-Closed', 'Stream-Cursor'],
    ],
    maxAge: 600,
    // answer an OPTIONS that is no preflight like any unknown route
    strictPreflight: false,
  };
}
