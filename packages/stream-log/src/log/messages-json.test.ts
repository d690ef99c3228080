import { describe, expect, it } from '@jest/globals';
import {
  eventId,
  type PipelineEventType,
  type SaidMessage,
  type StoredEvent,
  type StreamEvent,
} from '@millrace/contracts';
import fc from 'fast-check';
import { MessagesJson } from './messages-json.ts';

type Event = StreamEvent<PipelineEventType>;

/** What is written of some events, which come page by page. */
function written(events: readonly Event[], pageSize = 2): SaidMessage[] {
  const json = new MessagesJson();
  let text = '';
  for (let at = 0; at < events.length; at += pageSize) {
    text += json.add(events.slice(at, at + pageSize).map((event, index) => stored(event, at + index + 1)));
  }
  return JSON.parse(text + json.end()) as SaidMessage[];
}

function stored({ type, data }: Event, seq: number): StoredEvent {
  return { id: eventId(1, seq), type, data: JSON.stringify(data) };
}

const text = (said: string, messageId?: string): Event => ({
  type: 'text',
  data: messageId === undefined ? { text: said } : { messageId, text: said },
});
const call = (callId: string, messageId?: string): Event => ({
  type: 'tool_call',
  data: { ...(messageId === undefined ? {} : { messageId }), callId, name: 'look', arguments: '{}' },
});
const result = (callId: string): Event => ({
  type: 'tool_result',
  data: { callId, name: 'look', content: 'a "cat"', isError: false },
});
const start = (messageId: string): Event => ({ type: 'message_start', data: { messageId } });
const end = (messageId: string): Event => ({ type: 'message_end', data: { messageId, finishReason: 'stop' } });

const toolMessage = { role: 'tool', toolCallId: 'c1', name: 'look', content: 'a "cat"' };
const toolCall = { callId: 'c1', name: 'look', arguments: '{}' };

describe('what a job said, message by message', () => {
  it('is nothing before it said something', () => {
    expect(written([])).toEqual([]);
    expect(written([{ type: 'reasoning', data: { text: 'hm' } }])).toEqual([]);
  });

  it('is one message, exactly, where no message is named', () => {
    expect(written([text('a"\n'), text('\ud83d'), text('\ude00')])).toEqual([{ role: 'assistant', content: 'a"\n😀' }]);
  });

  it('is a message more after each result of a tool', () => {
    expect(written([text('I look'), call('c1'), result('c1'), text('a cat')])).toEqual([
      { role: 'assistant', content: 'I look', toolCalls: [toolCall] },
      toolMessage,
      { role: 'assistant', content: 'a cat' },
    ]);
    expect(written([call('c1'), result('c1')])).toEqual([
      { role: 'assistant', content: '', toolCalls: [toolCall] },
      toolMessage,
    ]);
  });

  it('has the ids of messages that were named; what has none belongs to the one that began last', () => {
    expect(written([start('m1'), text('a'), end('m1'), start('m2'), text('b'), call('c1'), end('m2')])).toEqual([
      { role: 'assistant', messageId: 'm1', content: 'a' },
      { role: 'assistant', messageId: 'm2', content: 'b', toolCalls: [toolCall] },
    ]);
  });

  it('keeps messages apart that are said at once, in the order in which they began', () => {
    const events = [start('m1'), start('m2'), text('b', 'm2'), text('a', 'm1'), result('c1'), text('B', 'm2')];
    expect(written([...events, end('m2'), text('A', 'm1'), end('m1')])).toEqual([
      { role: 'assistant', messageId: 'm1', content: 'aA' },
      { role: 'assistant', messageId: 'm2', content: 'bB' },
      toolMessage,
    ]);
  });

  it('leaves out calls that are not whole, and messages without a word', () => {
    const events: Event[] = [
      start('m1'),
      end('m1'),
      text('half'),
      { type: 'tool_call_start', data: { callId: 'c1', name: 'look' } },
      { type: 'tool_call_delta', data: { callId: 'c1', arguments: '{"a' } },
    ];
    expect(written(events)).toEqual([{ role: 'assistant', content: 'half' }]);
  });

  it('is valid JSON with all text in it, whatever was said (property)', () => {
    const ids = fc.constantFrom(undefined, 'm1', 'm2');
    const events = fc.array(
      fc.oneof(
        fc.tuple(fc.string({ unit: 'binary' }), ids).map(([said, id]) => text(said, id)),
        ids.map((id) => call('c1', id)),
        fc.constantFrom(result('c1'), start('m1'), start('m2'), end('m1'), end('m2')),
      ),
    );
    fc.assert(
      fc.property(events, fc.integer({ min: 1, max: 5 }), (said, pageSize) => {
        const messages = written(said, pageSize);
        const units = (texts: readonly string[]) => texts.join('').split('').sort().join('');
        const spoken = said.map((event) => (event.type === 'text' ? event.data.text : ''));
        const contents = messages.map(({ role, content }) => (role === 'assistant' ? content : ''));
        expect(units(contents)).toBe(units(spoken));
        expect(messages.flatMap(({ toolCalls = [] }) => toolCalls)).toHaveLength(
          said.filter(({ type }) => type === 'tool_call').length,
        );
      }),
    );
  });
});
