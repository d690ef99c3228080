import { EventEmitter } from 'node:events';
import { describe, expect, it } from '@jest/globals';
import type { StoredEvent } from '@millrace/contracts';
import { NativeFormat, type StreamFormat, TextFormat } from '@millrace/protocols';
import type { EventBatch } from '@millrace/stream-log';
import type { FastifyReply } from 'fastify';
import { DirectChunks } from './direct-chunks.ts';
import { StreamConnection } from './stream-connection.ts';

const SLICE_BYTES = 64 * 1024;

/** A response whose socket has room or not, as the test says. */
class Response extends EventEmitter {
  hasRoom = true;
  headersSent = false;
  writableEnded = false;
  destroyed = false;
  /** what came with the end */
  last = '';
  readonly req = { httpVersionMinor: 1 };
  readonly #written: Buffer[] = [];

  get written(): string {
    return Buffer.concat(this.#written).toString();
  }

  get bytes(): number {
    return Buffer.concat(this.#written).length;
  }

  writeHead(): void {
    this.headersSent = true;
  }

  flushHeaders(): void {}

  write(bytes: Buffer): boolean {
    this.#written.push(bytes);
    return this.hasRoom;
  }

  end(last?: Buffer): void {
    this.last = last?.toString() ?? '';
    this.writableEnded = true;
  }

  destroy(): void {
    this.destroyed = true;
    this.emit('close');
  }
}

function connect(format: StreamFormat = new NativeFormat({ retryMs: 1_000 })) {
  const response = new Response();
  const calls: string[] = [];
  const request = {
    body: { query: 'a long conversation' } as unknown,
    raw: { headers: { accept: 'text/event-stream' }, rawHeaders: ['Accept', 'text/event-stream'] },
  };
  const reply = { raw: response, request, hijack() {}, headers() {}, getHeaders: () => ({}) };
  const connection = new StreamConnection({
    names: { requestId: 'job' },
    reply: reply as unknown as FastifyReply,
    format,
    encoder: format.connect({ id: 'job', model: 'openai:m', createdAt: 0, threadId: null }),
    lease: { readerLost() {}, answered() {}, jobEnded() {} },
    shared: {
      observer: { relayed: () => calls.push('relayed'), closed: ({ reason }) => calls.push(`closed: ${reason}`) },
      chunks: new DirectChunks(),
      stalledReaders: { hasDisconnected: () => false },
    },
  });
  connection.feedFrom({
    resume: () => calls.push('resume'),
    close: () => calls.push('unfollow'),
  });
  connection.start();
  calls.length = 0;
  return { connection, response, request, calls };
}

let seq = 0;
function batchOf(type: StoredEvent['type'], data: object): EventBatch {
  const id = `1-${++seq}` as const;
  return {
    prev: `1-${seq - 1}`,
    last: id,
    events: [{ id, type, data: JSON.stringify(data) }],
    replay: false,
    leaseToken: null,
    storedAt: null,
  };
}
const text = (said: string) => batchOf('text', { text: said });

describe('a connection whose reader is slow (law 10)', () => {
  it('takes batches while there is room, and refuses more when there is none', () => {
    const { connection, response } = connect();
    expect(connection.batch(text('a'))).toBe(true);
    response.hasRoom = false;
    expect(connection.batch(text('b'))).toBe(false);
  });

  it('asks for more once, when the socket has drained', () => {
    const { connection, response, calls } = connect();
    response.hasRoom = false;
    connection.batch(text('a'));
    expect(calls).toEqual(['relayed']);
    response.hasRoom = true;
    response.emit('drain');
    expect(calls).toEqual(['relayed', 'resume']);
    expect(connection.batch(text('b'))).toBe(true);
  });

  it('sends a large batch in slices, and asks for more only after the last', () => {
    const { connection, response, calls } = connect();
    const before = response.bytes;
    response.hasRoom = false;
    expect(connection.batch(text('x'.repeat(3 * SLICE_BYTES)))).toBe(false);
    for (const slices of [1, 2, 3]) {
      expect(response.bytes - before).toBe(slices * SLICE_BYTES);
      expect(calls).not.toContain('resume');
      response.emit('drain');
    }
    // the socket took the last slice, and is full again
    expect(calls).not.toContain('resume');
    response.emit('drain');
    expect(calls).toEqual(['relayed', 'resume']);
  });

  it('keeps what arrives while it is full, and writes it first', () => {
    const { connection, response } = connect();
    response.hasRoom = false;
    connection.batch(text('a'));
    const before = response.bytes;
    expect(connection.batch(batchOf('reset', { attempt: 0, reason: 'log-lost' }))).toBe(false);
    connection.beat();
    expect(response.bytes).toBe(before);
    response.hasRoom = true;
    response.emit('drain');
    expect(response.written).toMatch(/event: reset\n.*\n\n$/);
  });

  it('ends after the reader took the terminal event, not before', () => {
    const { connection, response, calls } = connect();
    response.hasRoom = false;
    connection.batch(batchOf('error', { message: 'x'.repeat(SLICE_BYTES) }));
    connection.end('terminal');
    for (const _slice of [1, 2]) {
      expect(response.writableEnded).toBe(false);
      response.emit('drain');
    }
    expect(response.writableEnded).toBe(true);
    expect(calls).toEqual(['relayed']);
    expect(connection.reason).toBe('finished');
  });
});

describe('a connection that has begun', () => {
  it('sends the last frame and the end of the body together', () => {
    const { connection, response } = connect();
    const before = response.written;
    connection.batch(batchOf('done', {}));
    expect(response.written).toBe(before);
    expect(response.last).toMatch(/^id: .*\nevent: done\n/);
    expect([connection.reason, response.writableEnded]).toEqual(['finished', true]);
  });

  it('keeps neither body nor headers of the request for as long as it is open', () => {
    expect(connect().request).toEqual({ body: undefined, raw: { headers: {}, rawHeaders: [] } });
  });
});

describe('a connection that ends', () => {
  it.each([
    ['SSE', new NativeFormat({ retryMs: 1_000 })],
    ['bare text', new TextFormat()],
  ])('is broken off by a fault of ours, so that the client comes back (%s)', (_, format) => {
    const { connection, response, calls } = connect(format);
    connection.end('failed');
    expect([response.destroyed, response.writableEnded]).toEqual([true, false]);
    expect(calls).toEqual(['unfollow', 'closed: failed']);
    expect(connection.batch(text('late'))).toBe(false);
  });

  it('releases everything once, also a follower that came too late', () => {
    const { connection, response, calls } = connect();
    response.destroy();
    connection.release();
    expect(calls).toEqual(['unfollow', 'closed: lost']);
    connection.feedFrom({ resume() {}, close: () => calls.push('late') });
    expect(calls.at(-1)).toBe('late');
  });
});
