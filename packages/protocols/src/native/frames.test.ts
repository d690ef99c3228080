import { describe, expect, it } from '@jest/globals';
import { eventId, type StoredEvent, type StreamEventType } from '@millrace/contracts';
import { createParser, type EventSourceMessage } from 'eventsource-parser';
import fc from 'fast-check';
import { UnframableEvent } from '../stream-format.ts';
import { NativeFormat } from './frames.ts';

const sse = new NativeFormat({ retryMs: 1000 });

function stored(seq: number, type: StreamEventType, data: object): StoredEvent {
  return { id: eventId(1, seq), type, data: JSON.stringify(data) };
}

/** Reads bytes as a client does: decoded as UTF-8, in arbitrary pieces. */
function parse(bytes: Buffer | null, pieceSize = 7): EventSourceMessage[] {
  const messages: EventSourceMessage[] = [];
  const parser = createParser({ onEvent: (message) => messages.push(message), maxBufferSize: 4_000_000 });
  const decoder = new TextDecoder();
  for (let at = 0; at < (bytes?.length ?? 0); at += pieceSize) {
    parser.feed(decoder.decode(bytes?.subarray(at, at + pieceSize), { stream: true }));
  }
  return messages;
}

function textOf(messages: readonly EventSourceMessage[]): string {
  return messages.map((message) => (JSON.parse(message.data) as { text: string }).text).join('');
}

const nastyText = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc
    .array(
      fc.constantFrom(
        '\n',
        '\r',
        '\r\n',
        '\n\n',
        '\0',
        '\u2028',
        '\u2029',
        '\ufeff',
        '\ud83d',
        '\ude00',
        'data: x',
        'event: done',
        'id: 9-9',
        ': hb',
        '"',
        '\\',
        ' ',
      ),
    )
    .map((parts) => parts.join('')),
);

describe('SSE frames', () => {
  it('has an id line on every event, an event line on all but text, and one line of data', () => {
    const events = [
      stored(1, 'started', { attempt: 1, model: 'm' }),
      stored(2, 'text', { text: ' tok' }),
      stored(3, 'cancelled', { by: 'owner' }),
    ];
    expect(sse.encode({ events, replay: false })).toEqual({
      bytes: Buffer.from(
        'id: 1-1\nevent: started\ndata: {"attempt":1,"model":"m"}\n\n' +
          'id: 1-2\ndata: {"text":" tok"}\n\n' +
          'id: 1-3\nevent: cancelled\ndata: {"by":"owner"}\n\n',
      ),
      outcome: 'end',
    });
  });

  it('opens with the retry hint and beats with a comment, one line each', () => {
    expect(sse.opening.toString()).toBe('retry: 1000\n');
    expect(sse.heartbeat.toString()).toBe(': hb\n');
    expect(sse.retry(1234.6).toString()).toBe('retry: 1235\n');
    expect(parse(Buffer.concat([sse.opening, sse.heartbeat]))).toEqual([]);
  });

  it('puts the hint into the first frame, and a heartbeat into the frame after it', () => {
    const { bytes } = sse.encode({ events: [stored(1, 'text', { text: 'a' })], replay: false });
    const body = Buffer.concat([sse.opening, sse.heartbeat, bytes ?? Buffer.of(), sse.heartbeat, sse.retry(5)]);
    expect(body.toString().split('\n\n')).toEqual([
      'retry: 1000\n: hb\nid: 1-1\ndata: {"text":"a"}',
      ': hb\nretry: 5\n',
    ]);
    expect(parse(body)).toEqual([{ id: '1-1', event: undefined, data: '{"text":"a"}' }]);
  });

  it.each<StreamEventType>(['done', 'error', 'cancelled'])('ends the body after %s', (type) => {
    expect(sse.encode({ events: [stored(1, type, {})], replay: false }).outcome).toBe('end');
  });

  it.each<StreamEventType>(['accepted', 'started', 'text', 'reset', 'tool_result'])('goes on after %s', (type) => {
    expect(sse.encode({ events: [stored(1, type, {})], replay: false }).outcome).toBe('continue');
  });

  it('encodes a batch once and gives all watchers the same bytes', () => {
    const batch = { events: [stored(1, 'text', { text: 'a' })], replay: false };
    expect(sse.connect().encode(batch).bytes).toBe(sse.connect().encode(batch).bytes);
  });

  it('carries any text exactly (property)', () => {
    fc.assert(
      fc.property(fc.array(nastyText), fc.boolean(), fc.integer({ min: 1, max: 50 }), (deltas, replay, pieceSize) => {
        const events = deltas.map((text, index) => stored(index + 1, 'text', { text }));
        const messages = parse(sse.encode({ events, replay }).bytes, pieceSize);
        expect(textOf(messages)).toBe(deltas.join(''));
        expect(messages.every((message) => message.event === undefined)).toBe(true);
        expect(messages.at(-1)?.id).toBe(events.at(-1)?.id);
        if (!replay) expect(messages.map((message) => message.id)).toEqual(events.map((event) => event.id));
      }),
    );
  });

  it('is one event, byte for byte, or none: whatever id, type and data say, nothing is injected (property: CVE-2026-35515, CVE-2026-44214)', () => {
    const id = fc.oneof({ weight: 3, arbitrary: fc.constant('1-1') }, nastyText);
    const type = fc.oneof({ weight: 3, arbitrary: fc.constantFrom<string>('text', 'tool_call', 'done') }, nastyText);
    const json = fc.oneof(nastyText, fc.dictionary(nastyText, nastyText)).map((value) => JSON.stringify(value));
    fc.assert(
      fc.property(
        id,
        type,
        fc.oneof({ weight: 3, arbitrary: json }, nastyText),
        fc.nat(60),
        (...[eventId, name, data, size]) => {
          const event = { id: eventId, type: name, data } as StoredEvent;
          let bytes: Buffer | null;
          try {
            bytes = sse.encode({ events: [event], replay: false }).bytes;
          } catch (error) {
            expect(error).toBeInstanceOf(UnframableEvent);
            return;
          }
          // a lone surrogate has no UTF-8; JSON escapes it
          const carried = data.toWellFormed();
          expect(parse(bytes, size + 1)).toEqual([
            { id: eventId, event: name === 'text' ? undefined : name, data: carried },
          ]);
        },
      ),
      { numRuns: 1_000 },
    );
  });

  it('carries 1 MiB in one delta', () => {
    const text = 'é\n😀 data:'.repeat(110_000);
    const { bytes } = sse.encode({ events: [stored(1, 'text', { text })], replay: true });
    expect(textOf(parse(bytes, 65_536))).toBe(text);
  });

  it.each(['\r', '\n', '\r\n', '\0'])('refuses %j in id, type and data (CVE-2026-35515, CVE-2026-44214)', (breaker) => {
    const good = stored(1, 'done', {});
    const bad: Record<string, unknown>[] = [
      { ...good, id: `1-1${breaker}` },
      { ...good, type: `done${breaker}data: forged` },
      { ...good, data: `{}${breaker}` },
      { ...good, type: 'text', data: `{"text":"a${breaker}${breaker}id: 9-9"}` },
    ];
    for (const event of bad) {
      expect(() => sse.encode({ events: [event as unknown as StoredEvent], replay: false })).toThrow(UnframableEvent);
    }
  });
});

describe('merging of a replay', () => {
  it('joins adjacent deltas of one kind and keeps the id of the last', () => {
    const events = [
      stored(1, 'started', { attempt: 1, model: 'm' }),
      stored(2, 'reasoning', { text: 'hm' }),
      stored(3, 'reasoning', { text: '…' }),
      stored(4, 'text', { text: 'a' }),
      stored(5, 'text', { text: 'b' }),
      stored(6, 'tool_call', { callId: 'c', name: 'n', arguments: '{}' }),
      stored(7, 'text', { text: 'c' }),
    ];
    expect(parse(sse.encode({ events, replay: true }).bytes).map(({ id, event, data }) => [id, event, data])).toEqual([
      ['1-1', 'started', '{"attempt":1,"model":"m"}'],
      ['1-3', 'reasoning', '{"text":"hm…"}'],
      ['1-5', undefined, '{"text":"ab"}'],
      ['1-6', 'tool_call', '{"callId":"c","name":"n","arguments":"{}"}'],
      ['1-7', undefined, '{"text":"c"}'],
    ]);
  });

  it('joins the text of deltas with further fields, or in another spelling of JSON', () => {
    const data = [
      '{"text":"a","note":"b"}',
      '{ "text": "\\u00e9\\"" }',
      '{"text":"\\\\"}',
      '{"note":"\\"","text":"d"}',
    ];
    const events = data.map((json, index) => ({ ...stored(index + 1, 'text', {}), data: json }));
    const messages = parse(sse.encode({ events, replay: true }).bytes);
    expect([messages.length, textOf(messages)]).toEqual([1, 'aé"\\d']);
  });

  it('joins the arguments of one call, and never two messages or two calls', () => {
    const events = [
      stored(1, 'text', { messageId: 'm1', text: 'a' }),
      stored(2, 'text', { messageId: 'm1', text: 'b' }),
      stored(3, 'text', { messageId: 'm2', text: 'c' }),
      stored(4, 'text', { text: 'd' }),
      stored(5, 'tool_call_delta', { callId: 'c1', arguments: '{"a' }),
      stored(6, 'tool_call_delta', { callId: 'c1', arguments: '":1}' }),
      stored(7, 'tool_call_delta', { callId: 'c2', arguments: '{}' }),
    ];
    expect(parse(sse.encode({ events, replay: true }).bytes).map(({ id, data }) => [id, data])).toEqual([
      ['1-2', '{"messageId":"m1","text":"ab"}'],
      ['1-3', '{"messageId":"m2","text":"c"}'],
      ['1-4', '{"text":"d"}'],
      ['1-6', '{"callId":"c1","arguments":"{\\"a\\":1}"}'],
      ['1-7', '{"callId":"c2","arguments":"{}"}'],
    ]);
  });

  it('passes live events one by one', () => {
    const events = [stored(1, 'text', { text: 'a' }), stored(2, 'text', { text: 'b' })];
    expect(parse(sse.encode({ events, replay: false }).bytes)).toHaveLength(2);
  });

  it('makes few frames of ten thousand deltas, none of them huge', () => {
    const events = Array.from({ length: 10_000 }, (_, index) => stored(index + 1, 'text', { text: ' token' }));
    const messages = parse(sse.encode({ events, replay: true }).bytes, 4096);
    expect(messages.length).toBeLessThan(20);
    for (const message of messages) expect(message.data.length).toBeLessThanOrEqual(16_384);
    expect(textOf(messages)).toBe(' token'.repeat(10_000));
  });

  it('is equivalent to the single events, whatever their order (property)', () => {
    const kinds = fc.constantFrom<StreamEventType>('text', 'reasoning', 'tool_call', 'reset');
    fc.assert(
      fc.property(fc.array(fc.tuple(kinds, nastyText)), (said) => {
        const events = said.map(([type, text], index) => stored(index + 1, type, { text }));
        const merged = parse(sse.encode({ events, replay: true }).bytes);
        const single = parse(sse.encode({ events, replay: false }).bytes);
        expect(joinNeighbours(merged)).toEqual(joinNeighbours(single));
      }),
    );
  });
});

/** The canonical form of a sequence: adjacent deltas of one kind joined. */
function joinNeighbours(messages: readonly EventSourceMessage[]) {
  const joined: { id: string | undefined; event: string | undefined; text: string }[] = [];
  for (const { id, event, data } of messages) {
    const { text } = JSON.parse(data) as { text: string };
    const last = joined.at(-1);
    if (last !== undefined && last.event === event && (event === undefined || event === 'reasoning')) {
      last.text += text;
      last.id = id;
    } else {
      joined.push({ id, event, text });
    }
  }
  return joined;
}
