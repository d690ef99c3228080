import { once } from 'node:events';
import { createServer, type Server, type ServerResponse } from 'node:http';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { rawRequest } from './raw-request.ts';
import { readSse } from './read-sse.ts';

let server: Server;
let url: string;
let speak: (response: ServerResponse) => void;

beforeEach(async () => {
  server = createServer((_request, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    speak(response);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  url = `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`;
});
afterEach(async () => {
  server.close();
  server.closeAllConnections();
  await once(server, 'close');
});

const frame = (id: string, data: object, event?: string) =>
  `id: ${id}\n${event === undefined ? '' : `event: ${event}\n`}data: ${JSON.stringify(data)}\n\n`;

describe('readSse', () => {
  it('reads events, comments, hints and the text that remains after a reset', async () => {
    speak = (response) => {
      response.write(`retry: 1500\n: hb\n${frame('1-1', { text: 'lost' })}`);
      response.write(frame('2-1', { attempt: 2, reason: 'worker-lost' }, 'reset'));
      response.end(frame('2-2', { text: 'kept 😀' }) + frame('2-3', { finishReason: 'stop' }, 'done'));
    };
    await using stream = await readSse(url);
    const events = await stream.collect();
    expect(events.map(({ id, event }) => `${id} ${event}`)).toEqual([
      '1-1 message',
      '2-1 reset',
      '2-2 message',
      '2-3 done',
    ]);
    expect(stream.text()).toBe('kept 😀');
    expect(stream.terminal()?.data).toEqual({ finishReason: 'stop' });
    expect([stream.retryHints, stream.comments, await stream.ended]).toEqual([[1500], ['hb'], 'clean']);
  });

  it('waits for the event that a test needs', async () => {
    const opened = Promise.withResolvers<ServerResponse>();
    speak = (response) => {
      response.flushHeaders();
      opened.resolve(response);
    };
    await using stream = await readSse(url);
    const second = stream.until(({ id }) => id === '1-2');
    (await opened.promise).write(frame('1-1', { text: 'a' }) + frame('1-2', { text: 'b' }));
    expect((await second).data).toEqual({ text: 'b' });
    expect(await stream.take(2)).toHaveLength(2);
  });

  it('distinguishes an aborted body from one that ended', async () => {
    speak = (response) => response.write(frame('1-1', { text: 'a' }), () => response.destroy());
    await using stream = await readSse(url);
    await expect(stream.until(({ event }) => event === 'done')).rejects.toThrow('ended without');
    expect(await stream.ended).toBe('broken');
  });

  it('closes a response that was passed to it open', async () => {
    const gone = Promise.withResolvers<void>();
    speak = (response) => {
      response.once('close', gone.resolve);
      response.write(frame('1-1', { text: 'a' }));
    };
    const stream = await readSse(await fetch(url));
    await stream.take(1);
    await stream.close();
    await gone.promise;
  });
});

describe('rawRequest', () => {
  it('cuts the connection after a number of frames', async () => {
    const gone = Promise.withResolvers<void>();
    speak = (response) => {
      response.once('close', gone.resolve);
      response.write('id: 1\n\nid: 2\n\nid: 3\n\n');
    };
    const answer = await rawRequest(url, { cutAfter: { frames: 2 } });
    expect([answer.status, answer.end, answer.bytes.toString()]).toEqual([200, 'cut', 'id: 1\n\nid: 2\n\n']);
    await gone.promise;
  });

  it('distinguishes a clean end from a broken one', async () => {
    speak = (response) => response.end('whole');
    expect(await rawRequest(url)).toMatchObject({ end: 'clean', bytes: Buffer.from('whole') });
    speak = (response) => response.write('half', () => response.destroy());
    expect(await rawRequest(url)).toMatchObject({ end: 'broken', bytes: Buffer.from('half') });
  });
});
