import { describe, expect, it } from '@jest/globals';
import { messageSchema } from '@millrace/contracts';
import fc from 'fast-check';
import { RequestFault } from '../foreign/request-fault.ts';
import { type KeptMessage, usageMetadata, wireMessage } from './messages.ts';
import { readMessages } from './read-messages.ts';

const read = (messages: unknown) => readMessages(messages, ['input', 'messages']).map(({ message }) => message);

function faultsOf(messages: unknown): string[] {
  try {
    read(messages);
  } catch (error) {
    if (error instanceof RequestFault) return error.errors.map(({ pointer }) => pointer);
    throw error;
  }
  return [];
}

const call = { callId: 'c1', name: 'look', arguments: '{"a":1}' };

describe('a message for clients of LangGraph', () => {
  it('has the type, the id and the calls that LangChain gives it', () => {
    expect(wireMessage({ role: 'user', content: 'Hi', messageId: 'm1', name: 'ann' })).toEqual({
      ...{ type: 'human', content: 'Hi', id: 'm1', name: 'ann', additional_kwargs: {}, response_metadata: {} },
    });
    expect(wireMessage({ role: 'assistant', content: '', messageId: 'm2', toolCalls: [call] })).toEqual({
      ...{ type: 'ai', content: '', id: 'm2', additional_kwargs: {}, response_metadata: {} },
      ...{ tool_calls: [{ type: 'tool_call', id: 'c1', name: 'look', args: { a: 1 } }], invalid_tool_calls: [] },
    });
    expect(wireMessage({ role: 'tool', content: 'seen', toolCallId: 'c1' })).toMatchObject({
      ...{ type: 'tool', content: 'seen', tool_call_id: 'c1', status: 'success' },
    });
  });

  it.each(['[1]', 'null', '{"a"'])('shows a call whose arguments are no object (%s) as one that is invalid', (args) => {
    const toolCalls = [{ ...call, arguments: args }];
    expect(wireMessage({ role: 'assistant', content: '', toolCalls })).toMatchObject({
      ...{ tool_calls: [], invalid_tool_calls: [{ id: 'c1', name: 'look', args }] },
    });
  });

  it('counts tokens as LangChain does', () => {
    expect(usageMetadata({ inputTokens: 3, outputTokens: 4 })).toEqual({
      ...{ input_tokens: 3, output_tokens: 4, total_tokens: 7 },
    });
  });
});

describe('messages of a client', () => {
  it.each<[string, unknown]>([
    ['of a role', { role: 'user', content: 'Hi' }],
    ['of a type', { type: 'human', content: 'Hi', id: 'x', additional_kwargs: {}, example: false }],
    ['that is a pair', ['human', 'Hi']],
    ['that is text', 'Hi'],
    [
      'with its class',
      { lc: 1, type: 'constructor', id: ['langchain_core', 'messages', 'HumanMessage'], kwargs: { content: 'Hi' } },
    ],
    ['as LangChain stores it', { type: 'human', data: { content: 'Hi' } }],
    ['in blocks', { role: 'human', content: [{ type: 'text', text: 'Hi' }] }],
    ['of a free role', { type: 'generic', role: 'user', content: 'Hi' }],
  ])('are one %s', (_, message) => {
    expect(read([message])).toEqual([{ role: 'user', content: 'Hi' }]);
    if (!Array.isArray(message)) expect(read(message)).toEqual([{ role: 'user', content: 'Hi' }]);
  });

  it('are an answer with calls, and what a tool said', () => {
    const given = [
      { type: 'AIMessageChunk', content: null, id: 'a', tool_calls: [{ id: 'c1', name: 'look', args: { a: 1 } }] },
      { type: 'ai', content: [{ type: 'text', text: 'o' }, { type: 'reasoning' }, { type: 'text', text: 'k' }] },
      {
        role: 'assistant',
        content: '',
        additional_kwargs: { tool_calls: [{ id: 'c1', function: { name: 'look', arguments: '{"a":1}' } }] },
      },
      { type: 'tool', content: 'seen', tool_call_id: 'c1', name: 'look', status: 'success' },
    ];
    expect(read(given)).toEqual([
      { role: 'assistant', content: '', toolCalls: [call] },
      { role: 'assistant', content: 'ok' },
      { role: 'assistant', content: '', toolCalls: [call] },
      { role: 'tool', content: 'seen', name: 'look', toolCallId: 'c1' },
    ]);
    expect(readMessages(given, []).map(({ id }) => id)).toEqual(['a', null, null, null]);
  });

  it('are images, sounds and files, in the forms of LangChain, OpenAI and Anthropic', () => {
    const png = { type: 'image', data: 'aGk=', mediaType: 'image/png' };
    const blocks: [object, object][] = [
      [{ type: 'image_url', image_url: { url: 'data:image/png;base64,aGk=' } }, png],
      [
        { type: 'image_url', image_url: 'https://a.example/i' },
        { type: 'image', url: 'https://a.example/i' },
      ],
      [{ type: 'image', source_type: 'base64', data: 'aGk=', mime_type: 'image/png' }, png],
      [{ type: 'image', mimeType: 'image/png', data: 'aGk=' }, png],
      [{ type: 'image', source: { type: 'base64', media_type: 'image/png', data: 'aGk=' } }, png],
      [
        { type: 'input_audio', input_audio: { data: 'aGk=', format: 'mp3' } },
        { type: 'audio', data: 'aGk=', mediaType: 'audio/mpeg' },
      ],
      [
        { type: 'file', file: { file_data: 'data:application/pdf;base64,aGk=', filename: 'a.pdf' } },
        { type: 'file', data: 'aGk=', mediaType: 'application/pdf', name: 'a.pdf' },
      ],
      [
        { type: 'file', source_type: 'url', url: 'https://a.example/f', metadata: { filename: 'f' } },
        { type: 'file', url: 'https://a.example/f', name: 'f' },
      ],
    ];
    const [message] = read([{ role: 'user', content: blocks.map(([block]) => block) }]);
    expect(message?.content).toEqual(blocks.map(([, part]) => part));
  });

  it.each<[string, unknown, string]>([
    ['no message', [7], '/0'],
    ['of no role', [{ content: 'x' }], '/0'],
    ['of an unknown role', ['a', { role: 'narrator', content: '' }], '/1/role'],
    ['of an unknown type', [['narrator', 'x']], '/0/0'],
    ['too long a pair', [['user', 'x', 'y']], '/0'],
    ['of an unknown class', [{ lc: 1, type: 'constructor', id: ['Oracle'], kwargs: {} }], '/0/id'],
    ['to be removed', [{ type: 'remove', id: 'x', content: '' }], '/0/type'],
    ['without content', [{ type: 'human' }], '/0/content'],
    ['with a video', [{ type: 'human', content: [{ type: 'video' }] }], '/0/content/0/type'],
    ['with a stored file', [{ type: 'human', content: [{ type: 'file', file_id: 'f' }] }], '/0/content/0/file_id'],
    [
      'with a detail',
      [{ type: 'human', content: [{ type: 'image_url', image_url: { url: 'x', detail: 'low' } }] }],
      '/0/content/0/image_url/detail',
    ],
    ['with a call without an id', [{ type: 'ai', content: '', tool_calls: [{ name: 'x' }] }], '/0/tool_calls/0/id'],
    ['with an invalid call', [{ type: 'ai', content: '', invalid_tool_calls: [{}] }], '/0/invalid_tool_calls'],
  ])('that is refused by name: %s', (_, messages, place) => {
    expect(faultsOf(messages)).toEqual([`/input/messages${place}`]);
  });

  it('leads from a place in ours to the place in theirs', () => {
    const given = [
      'x',
      {
        type: 'human',
        content: [
          { type: 'text', text: 'a' },
          { type: 'image', url: 'u' },
        ],
      },
      ['ai', 'y'],
    ];
    const [, second, third] = readMessages(given, ['m']);
    expect(second?.placeOf(['content', 1, 'url'])).toEqual(['m', 1, 'content', 1]);
    expect(second?.placeOf(['name'])).toEqual(['m', 1, 'name']);
    expect(third?.placeOf(['content'])).toEqual(['m', 2, 1]);
  });

  it('are the same after a way to the client and back', () => {
    const text = fc.string();
    const name = fc.string({ minLength: 1, maxLength: 20 });
    const id = fc.string({ minLength: 1, maxLength: 20 });
    const toolCall = fc.record({
      ...{
        callId: id,
        name,
        arguments: fc.dictionary(fc.string(), fc.jsonValue()).map((args) => JSON.stringify(args)),
      },
    });
    const media = fc.constantFrom(
      { type: 'image' as const, url: 'https://a.example/i' },
      { type: 'audio' as const, data: 'aGk=', mediaType: 'audio/wav' },
      { type: 'file' as const, data: 'aGk=', mediaType: 'application/pdf', name: 'f.pdf' },
    );
    const parts = fc.array(
      fc.oneof(
        text.map((each) => ({ type: 'text' as const, text: each })),
        media,
      ),
      {
        ...{ minLength: 2, maxLength: 4 },
      },
    );
    const message: fc.Arbitrary<KeptMessage> = fc.oneof(
      fc.record({ role: fc.constantFrom('user' as const), content: fc.oneof(text, parts) }),
      fc.record({ role: fc.constantFrom('system' as const, 'developer' as const), content: text }),
      fc.record({
        ...{ role: fc.constant('assistant' as const), content: text },
        toolCalls: fc.array(toolCall, { minLength: 1, maxLength: 2 }),
      }),
      fc.record({ role: fc.constant('tool' as const), content: text, toolCallId: id }),
    );
    fc.assert(
      fc.property(fc.array(message, { maxLength: 4 }), (messages) => {
        const back = read(messages.map(wireMessage));
        const canonical = ({ toolCalls, ...rest }: KeptMessage) => ({
          ...rest,
          ...(toolCalls
            ? { toolCalls: toolCalls.map((each) => ({ ...each, arguments: JSON.parse(each.arguments) })) }
            : {}),
        });
        expect(back.map(canonical)).toEqual(messages.map(canonical));
      }),
    );
  });

  it('are messages or a fault, whatever they are', () => {
    const word = fc.oneof(
      fc.string(),
      fc.constantFrom('user', 'human', 'ai', 'tool', 'text', 'image_url', 'image', 'constructor', 'AIMessage', 'aGk='),
    );
    const key = fc.constantFrom(
      ...['role', 'type', 'content', 'id', 'lc', 'kwargs', 'data', 'tool_calls', 'args', 'name', 'text', 'url'],
      ...['image_url', 'source', 'file', 'tool_call_id', 'additional_kwargs', 'function', 'arguments', '__proto__'],
    );
    const { tree } = fc.letrec((tie) => ({
      tree: fc.oneof(
        { depthSize: 'medium' },
        fc.oneof(word, fc.constant(null), fc.integer(), fc.boolean()),
        fc.array(tie('tree'), { maxLength: 3 }),
        fc.dictionary(key, tie('tree')),
      ),
    }));
    fc.assert(
      fc.property(tree, (given) => {
        if (faultsOf(given).length > 0) return;
        for (const message of read(given)) {
          const checked = messageSchema.safeParse(message);
          // what else our own rules refuse has its place
          if (!checked.success) expect(checked.error.issues.every(({ path }) => path.length > 0)).toBe(true);
        }
      }),
      { numRuns: 1_000 },
    );
  });
});
