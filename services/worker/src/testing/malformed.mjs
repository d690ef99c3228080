/** Yields a malformed event: the query names its kind. */
const circular = { prompt: 'hush' };
circular.self = circular;

const KINDS = {
  circular: { type: 'tool_result', data: { callId: 'c1', name: 'clock', content: circular, isError: false } },
  arguments: { type: 'tool_call', data: { callId: 'c1', name: 'clock', arguments: { prompt: 'hush' } } },
  text: { type: 'text', data: { text: { prompt: 'hush' } } },
  nothing: undefined,
};

export default {
  name: 'malformed',
  async *run({ messages }) {
    yield { type: 'text', data: { text: 'so far' } };
    yield KINDS[messages[0].content];
    yield { type: 'text', data: { text: 'never' } };
  },
};
