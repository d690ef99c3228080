/** Says one of each event that a pipeline may say. */
export default {
  name: 'talkative',
  async *run() {
    yield { type: 'message_start', data: { messageId: 'm1', node: 'writer', namespace: ['graph'] } };
    yield { type: 'reasoning', data: { messageId: 'm1', text: 'hm' } };
    yield { type: 'text', data: { messageId: 'm1', text: 'a' } };
    yield { type: 'message_start', data: { messageId: 'm2' } };
    yield { type: 'text', data: { messageId: 'm2', text: 'b' } };
    yield { type: 'text', data: { messageId: 'm1', text: 'A' } };
    yield { type: 'tool_call_start', data: { messageId: 'm1', callId: 'c1', name: 'look' } };
    yield { type: 'tool_call_delta', data: { messageId: 'm1', callId: 'c1', arguments: '{}' } };
    yield { type: 'tool_call', data: { messageId: 'm1', callId: 'c1', name: 'look', arguments: '{}' } };
    yield { type: 'message_end', data: { messageId: 'm1', finishReason: 'tool_calls' } };
    yield { type: 'tool_result', data: { callId: 'c1', name: 'look', content: 'it', isError: false } };
    yield { type: 'custom', data: { name: 'note', data: [1, null] } };
    yield { type: 'state', data: { mode: 'values', data: { step: 1 }, node: 'writer' } };
    yield { type: 'interrupt', data: { interruptId: 'i1', value: { question: 'May I?' } } };
    return { finishReason: 'interrupt', usage: { inputTokens: 1, outputTokens: 2 } };
  },
};
