import { describe, expect, it } from '@jest/globals';
import { PendingEvents } from './pending-events.ts';

describe('events that wait to be stored', () => {
  it('are merged while they are parts of one thing: one message, one call', () => {
    const pending = new PendingEvents();
    pending.add({ type: 'text', data: { text: 'a' } });
    pending.add({ type: 'text', data: { text: 'b' } });
    pending.add({ type: 'text', data: { messageId: 'm1', text: 'c' } });
    pending.add({ type: 'text', data: { text: 'd', messageId: 'm1' } });
    pending.add({ type: 'text', data: { messageId: 'm2', text: 'e' } });
    pending.add({ type: 'tool_call_delta', data: { callId: 'c1', arguments: '{' } });
    pending.add({ type: 'tool_call_delta', data: { callId: 'c1', arguments: '}' } });
    pending.add({ type: 'tool_call_delta', data: { callId: 'c2', arguments: '{}' } });
    expect(pending.nextBatch()).toEqual([
      ...['text', '{"text":"ab"}'],
      ...['text', '{"messageId":"m1","text":"cd"}'],
      ...['text', '{"messageId":"m2","text":"e"}'],
      ...['tool_call_delta', '{"callId":"c1","arguments":"{}"}'],
      ...['tool_call_delta', '{"callId":"c2","arguments":"{}"}'],
    ]);
    expect([pending.empty, pending.units]).toEqual([true, 0]);
  });

  it('keep their order: nothing is merged across another event', () => {
    const pending = new PendingEvents();
    pending.add({ type: 'text', data: { text: 'a' } });
    pending.add({ type: 'message_start', data: { messageId: 'm1' } });
    pending.add({ type: 'text', data: { text: 'b' } });
    pending.add({ type: 'custom', data: { name: 'note', data: [null, { a: 1 }] } });
    expect(pending.nextBatch()).toEqual([
      ...['text', '{"text":"a"}'],
      ...['message_start', '{"messageId":"m1"}'],
      ...['text', '{"text":"b"}'],
      ...['custom', '{"name":"note","data":[null,{"a":1}]}'],
    ]);
  });
});
