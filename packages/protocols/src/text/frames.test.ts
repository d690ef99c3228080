import { describe, expect, it } from '@jest/globals';
import { eventId, type StoredEvent, type StreamEvent } from '@millrace/contracts';
import fc from 'fast-check';
import type { EncodableBatch, StreamOutcome } from '../stream-format.ts';
import { TextFormat } from './frames.ts';

const text = (delta: string): StreamEvent => ({ type: 'text', data: { text: delta } });
const reset: StreamEvent = { type: 'reset', data: { attempt: 2, reason: 'worker-lost' } };
const done: StreamEvent = {
  type: 'done',
  data: {
    finishReason: 'stop',
    usage: { inputTokens: 1, outputTokens: 1 },
    timings: { queueMs: 1, firstTokenMs: 2, totalMs: 3 },
  },
};
const failed: StreamEvent = { type: 'error', data: { code: 'MODEL_ERROR', message: 'no', retryable: true } };
const cancelled: StreamEvent = { type: 'cancelled', data: { by: 'owner' } };

function batch(...events: StreamEvent[]): EncodableBatch {
  const stored = events.map(
    ({ type, data }, index): StoredEvent => ({ id: eventId(1, index + 1), type, data: JSON.stringify(data) }),
  );
  return { events: stored, replay: false };
}

/** What a new reader of these batches receives, and how its stream ends. */
function read(format: TextFormat, ...batches: EncodableBatch[]): [body: string, outcome: StreamOutcome] {
  const connection = format.connect();
  const body: Buffer[] = [];
  for (const one of batches) {
    const { bytes, outcome } = connection.encode(one);
    if (bytes !== null) body.push(bytes);
    if (outcome !== 'continue') return [Buffer.concat(body).toString(), outcome];
  }
  return [Buffer.concat(body).toString(), 'continue'];
}

describe('bare text', () => {
  const format = new TextFormat();

  it('is only the deltas, and ends with done', () => {
    expect(
      read(
        format,
        batch(
          { type: 'accepted', data: { id: 'x', status: 'queued' } },
          { type: 'started', data: { attempt: 1, model: 'm' } },
          { type: 'reasoning', data: { text: 'hidden' } },
          text('a\n\n'),
        ),
        batch(text('data: b'), done),
      ),
    ).toEqual(['a\n\ndata: b', 'end']);
  });

  it.each([
    ['error', failed],
    ['cancelled', cancelled],
  ])('breaks off on %s, after the text so far', (_name, terminal) => {
    expect(read(format, batch(text('a')), batch(text('b'), terminal))).toEqual(['ab', 'abort']);
  });

  it('aborts on a reset of text that was sent', () => {
    expect(read(format, batch(text('a')), batch(reset, text('b'), done))).toEqual(['a', 'abort']);
  });

  it('drops text that became void before it was sent', () => {
    expect(read(format, batch(text('a\ud83d'), reset, text('b'), done))).toEqual(['b', 'end']);
    expect(read(format, batch(text('\ud83d')), batch(reset, text('b'), done))).toEqual(['b', 'end']);
  });

  it('writes a whole character when its halves come in two deltas, even across batches', () => {
    expect(read(format, batch(text('a\ud83d')), batch(text('\ude00b'), done))).toEqual(['a😀b', 'end']);
    expect(read(format, batch(text('\ud83d'), text('\ude00')), batch(done))).toEqual(['😀', 'end']);
  });

  it('writes U+FFFD for a half without its partner', () => {
    expect(read(format, batch(text('a\ud83d')), batch(done))).toEqual(['a\ufffd', 'end']);
    expect(read(format, batch(text('a\ud83d'), done))).toEqual(['a\ufffd', 'end']);
  });

  it('has no opening, heartbeat or retry hint: they would be text', () => {
    const connection = format.connect();
    expect([connection.opening, connection.heartbeat, connection.retry(1)]).toEqual([null, null, null]);
  });

  it('encodes a batch once for readers without a pending half character', () => {
    const shared = batch(text('abc'));
    expect(format.connect().encode(shared).bytes).toBe(format.connect().encode(shared).bytes);
  });

  it('is the UTF-8 of the whole answer, wherever deltas and batches are cut (property)', () => {
    const units = fc.string({ unit: fc.constantFrom('a', 'é', '\n', '\0', '\u2028', '\ud83d', '\ude00') });
    fc.assert(
      fc.property(fc.array(fc.array(units)), (answer) => {
        const batches = [...answer.map((deltas) => batch(...deltas.map(text))), batch(done)];
        const expected = Buffer.from(answer.flat().join('')).toString();
        expect(read(format, ...batches)).toEqual([expected, 'end']);
        // a second reader of the same, cached batches
        expect(read(format, ...batches)).toEqual([expected, 'end']);
      }),
    );
  });
});
