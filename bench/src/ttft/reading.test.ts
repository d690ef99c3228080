import { describe, expect, it } from '@jest/globals';
import type { TimedAnswer } from '../measure/timed-request.ts';
import { readAnswer } from './reading.ts';

function answer(contentType: string, chunks: [atMs: number, text: string | Buffer][], status = 200): TimedAnswer {
  const endMs = (chunks.at(-1)?.[0] ?? 0) + 1;
  return {
    status,
    contentType,
    headersMs: 5,
    chunks: chunks.map(([atMs, text]) => ({ atMs, bytes: Buffer.from(text) })),
    endMs,
  };
}

const opening = 'retry: 1000\nid: 0-1\nevent: accepted\ndata: {"id":"x","status":"queued"}\n\n';

describe('readAnswer', () => {
  it('does not take the first byte of an event stream for its first token (early flushHeaders)', () => {
    const stream = answer('text/event-stream; charset=utf-8', [
      [9, opening],
      [20, 'id: 1-1\nevent: started\ndata: {"attempt":1,"model":"m"}\n\n'],
      [1300, 'id: 1-2\ndata: {"text":"Hel"}\n\n'],
      [1340, 'id: 1-3\ndata: {"text":"lo"}\n\n'],
    ]);
    expect(readAnswer(stream)).toEqual({
      text: 'Hello',
      marks: { headersMs: 5, firstByteMs: 9, firstTokenMs: 1300, endMs: 1341 },
    });
  });

  it('counts a token when its event is whole, and keeps a character that was cut in two', () => {
    const bytes = Buffer.from('data: {"text":"é"}\n\n');
    const cut = bytes.indexOf(0xa9);
    const { text, marks } = readAnswer(
      answer('text/event-stream', [
        [10, bytes.subarray(0, cut)],
        [20, bytes.subarray(cut, -1)],
        [30, bytes.subarray(-1)],
      ]),
    );
    expect([text, marks.firstByteMs, marks.firstTokenMs]).toEqual(['é', 10, 30]);
  });

  it('gives JSON its first token when it is whole', () => {
    const { text, marks } = readAnswer(
      answer('application/json', [
        [10, '{"text":"Hel'],
        [40, 'lo"}'],
      ]),
    );
    expect([text, marks.firstByteMs, marks.firstTokenMs]).toEqual(['Hello', 10, 41]);
  });

  it('refuses what holds no answer', () => {
    expect(() => readAnswer(answer('text/event-stream', [[9, opening]]))).toThrow('no text');
    expect(() => readAnswer(answer('application/problem+json', [[9, '{"code":"QUEUE_FULL"}']], 503))).toThrow(
      'status 503: {"code":"QUEUE_FULL"}',
    );
  });
});
