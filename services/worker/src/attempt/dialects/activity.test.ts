import { describe, expect, it } from '@jest/globals';
import { streamChatModel } from '../../pipelines/chat/stream-chat-model.ts';
import { DialectServer, WAYS } from './testing/dialect-server.ts';

const server = new DialectServer();

describe.each(WAYS)('a model’s stream, read %s', (way) => {
  it('reports all activity of the server, also without content', async () => {
    server.answer({ body: [': hb\n\n'], afterwards: 'heartbeats' });
    let reads = 0;
    const thrice = Promise.withResolvers<void>();
    const model = server.model(way, {
      onActivity: () => {
        reads += 1;
        if (reads === 3) thrice.resolve();
      },
    });
    const abort = new AbortController();
    const running = streamChatModel(model, 'hi', { signal: abort.signal }).next();
    running.catch(() => undefined);
    await thrice.promise;
    abort.abort();
    await expect(running).rejects.toThrow();
  });
});
