import { describe, expect, it } from '@jest/globals';
import { eventId, type StoredEvent, type StreamEvent } from '@millrace/contracts';
import fc from 'fast-check';
import OpenAI from 'openai';
import { JOB as HISTORY_JOB, histories } from '../testing/histories.ts';
import { chatFormat } from './frames.ts';
import { ChatCollector } from './whole.ts';

const JOB = { ...HISTORY_JOB, pipeline: 'chat' };
const AGENT = { ...JOB, pipeline: 'support' };
const usage = { inputTokens: 3, outputTokens: 5 };
const timings = { queueMs: 1, firstTokenMs: 2, totalMs: 3 };
const done = (finishReason = 'stop'): StreamEvent => ({ type: 'done', data: { finishReason, usage, timings } });
const text = (delta: string, messageId?: string): StreamEvent => ({
  type: 'text',
  data: { ...(messageId === undefined ? {} : { messageId }), text: delta },
});
const failed: StreamEvent = { type: 'error', data: { code: 'MODEL_ERROR', message: 'no luck', retryable: true } };
const cancelled: StreamEvent = { type: 'cancelled', data: { by: 'owner' } };
const start = (callId: string): StreamEvent => ({ type: 'tool_call_start', data: { callId, name: 'look' } });
const piece = (callId: string, args: string): StreamEvent => ({
  type: 'tool_call_delta',
  data: { callId, arguments: args },
});
const whole = (callId: string, args: string): StreamEvent => ({
  type: 'tool_call',
  data: { callId, name: 'look', arguments: args },
});
const result = (callId: string): StreamEvent => ({
  type: 'tool_result',
  data: { callId, name: 'look', content: 'found', isError: false },
});

function logOf(events: readonly StreamEvent[]): StoredEvent[] {
  const all: StreamEvent[] = [
    { type: 'accepted', data: { id: JOB.id, status: 'queued' } },
    { type: 'started', data: { attempt: 1, model: JOB.model } },
    ...events,
  ];
  return all.map(({ type, data }, index) => ({
    id: index === 0 ? eventId(0, 1) : eventId(1, index),
    type,
    data: JSON.stringify(data),
  }));
}

function bodyOf(log: readonly StoredEvent[], job = JOB, includesUsage = true): string {
  const encoder = chatFormat({ includesUsage }).connect(job);
  let body = '';
  for (const event of log) {
    const { bytes, outcome } = encoder.encode({ events: [event], replay: false });
    body += bytes?.toString() ?? '';
    if (outcome !== 'continue') break;
  }
  return body;
}

/** The real client, in front of a server that answers with this body. */
function clientOf(body: string): OpenAI {
  const fetch = async () => new Response(body, { headers: { 'content-type': 'text/event-stream' } });
  return new OpenAI({ apiKey: 'k', baseURL: 'http://millrace.test/v1', fetch, maxRetries: 0 });
}

const ASKED = { model: 'm', messages: [{ role: 'user' as const, content: 'hi' }] };

/** What the strict reader of the client makes of a stream. */
function streamed(events: readonly StreamEvent[], job = JOB) {
  const stream = clientOf(bodyOf(logOf(events), job)).chat.completions.stream({
    ...ASKED,
    stream_options: { include_usage: true },
  });
  return stream.finalChatCompletion();
}

function collected(events: readonly StreamEvent[], job = JOB) {
  const collector = new ChatCollector(job);
  for (const event of logOf(events)) collector.add(event);
  return collector.end();
}

function chunksOf(body: string): unknown[] {
  return body.split('\n\n').flatMap((frame) => {
    const data = /^data: (.*)$/m.exec(frame)?.[1];
    return data === undefined ? [] : [data === '[DONE]' ? data : JSON.parse(data)];
  });
}

describe('the chunks of an answer', () => {
  it('come in OpenAI’s order, with one id, time and model', () => {
    const body = bodyOf(logOf([text('Hel'), text('lo "you"\n'), done()]));
    const head = {
      ...{ id: `chatcmpl-${JOB.id}`, object: 'chat.completion.chunk' },
      ...{ created: Math.floor(JOB.createdAt / 1_000), model: 'openai:m' },
    };
    const chunk = (delta: object, finish_reason: string | null = null) => ({
      ...{ ...head, choices: [{ index: 0, delta, finish_reason }], usage: null },
    });
    expect(chunksOf(body)).toEqual([
      chunk({ role: 'assistant', content: '' }),
      chunk({ content: 'Hel' }),
      chunk({ content: 'lo "you"\n' }),
      chunk({}, 'stop'),
      { ...head, choices: [], usage: { prompt_tokens: 3, completion_tokens: 5, total_tokens: 8 } },
      '[DONE]',
    ]);
    expect(body.match(/^id: \d+$/gm)).toEqual(['id: 0', 'id: 1', 'id: 2', 'id: 3', 'id: 4', 'id: 5']);
  });

  it('say nothing of usage unless asked', () => {
    const chunks = chunksOf(bodyOf(logOf([text('a'), done()]), JOB, false));
    expect(chunks).toHaveLength(4);
    expect(JSON.stringify(chunks)).not.toContain('usage');
  });

  it.each([
    ['text', [text('Hel'), text('lo'), done()]],
    ['nothing', [done()]],
    ['half a text', [text('Hel'), done('length')]],
    ['a word of the provider’s own', [text('no'), done('guardrail')]],
    ['reasoning', [{ type: 'reasoning', data: { text: 'hm' } }, text('a'), done()]],
    [
      'a call in pieces',
      [start('c1'), piece('c1', '{"a"'), piece('c1', ':1}'), whole('c1', '{"a":1}'), done('tool_calls')],
    ],
    ['a call without arguments', [start('c1'), whole('c1', '{}'), done('tool_calls')]],
    ['a call that comes whole', [text('I look.'), whole('c1', '{"a":"\\""}'), done('tool_calls')]],
    [
      'two calls at once',
      [
        ...[start('c1'), start('c2'), piece('c2', '{"b":'), piece('c1', '{}'), whole('c1', '{}')],
        ...[piece('c2', '2}'), whole('c2', '{"b":2}'), done('tool_calls')],
      ],
    ],
  ] as [string, StreamEvent[]][])(
    'are to the client’s strict reader what the whole answer is: %s',
    async (_, events) => {
      const { status, body } = collected(events);
      expect(status).toBe(200);
      const final = JSON.parse(JSON.stringify(await streamed(events)));
      const expected = structuredClone(body) as { choices: { message: { tool_calls?: { function: object }[] } }[] };
      expect(final).toMatchObject({
        ...expected,
        choices: expected.choices.map((choice) => ({ ...choice, message: expect.anything(), logprobs: null })),
      });
      const [{ message }] = final.choices;
      const said = expected.choices[0]?.message as Record<string, unknown>;
      expect(message.content || null).toEqual(said['content'] || null);
      expect(message.reasoning_content).toEqual(said['reasoning_content']);
      const calls = (given: { id: string; function: { name: string; arguments: string } }[] | undefined) =>
        (given ?? []).map(({ id, function: { name, arguments: args } }) => ({ id, name, args }));
      expect(calls(message.tool_calls)).toEqual(calls(said['tool_calls'] as never));
    },
  );

  it.each([
    ['failed', failed, 'no luck'],
    ['cancelled', cancelled, 'The job was cancelled.'],
  ])('end in an error that every reader throws, when the job %s', async (_, end, message) => {
    const body = bodyOf(logOf([text('half'), end]));
    await expect(streamed([text('half'), end])).rejects.toThrow(message);
    const plain = await clientOf(body).chat.completions.create({ ...ASKED, stream: true });
    const said: string[] = [];
    const reading = (async () => {
      for await (const chunk of plain) said.push(chunk.choices[0]?.delta.content ?? '');
    })();
    await expect(reading).rejects.toThrow(message);
    expect(said.join('')).toBe('half');
    // an error also to those who do not stream, at a status that LangChain's client does not repeat
    expect(collected([text('half'), end])).toMatchObject({
      ...{ status: 400, headers: { 'x-should-retry': 'false' } },
      body: { error: { message } },
    });
  });

  it('hide the calls of an agent, which runs them itself, and join what its messages say', async () => {
    const events = [
      ...[{ type: 'message_start', data: { messageId: 'a' } }, text('I look. ', 'a'), start('c1'), whole('c1', '{}')],
      ...[{ type: 'message_end', data: { messageId: 'a', finishReason: 'tool_calls' } }, result('c1')],
      ...[{ type: 'message_start', data: { messageId: 'b' } }, text('Found.', 'b'), done('tool_calls')],
    ] as StreamEvent[];
    for (const answer of [await streamed(events, AGENT), collected(events, AGENT).body]) {
      expect(answer).toMatchObject({
        model: 'pipeline/support',
        choices: [{ message: { content: 'I look. Found.' }, finish_reason: 'stop' }],
      });
      expect(JSON.stringify(answer)).not.toContain('c1');
    }
  });

  it('give the calls that a pipeline ends with, and none that it has answered itself', async () => {
    const events = [
      start('c1'),
      whole('c1', '{}'),
      result('c1'),
      text('more'),
      whole('c2', '{"a":1}'),
      done('tool_calls'),
    ];
    for (const answer of [await streamed(events, AGENT), collected(events, AGENT).body]) {
      expect(answer).toMatchObject({
        choices: [
          { message: { tool_calls: [{ id: 'c2', function: { arguments: '{"a":1}' } }] }, finish_reason: 'tool_calls' },
        ],
      });
      expect(JSON.stringify(answer)).not.toContain('c1');
    }
    const answered = [whole('c1', '{}'), result('c1'), text('more'), done('stop')];
    expect(JSON.stringify(await streamed(answered, AGENT))).not.toContain('c1');
  });

  it('end with the questions of an agent', () => {
    const question = { interruptId: 'i1', value: { approve: '\n' }, node: 'ask' };
    const events = [text('So?'), { type: 'interrupt', data: question }, done('interrupt')] as StreamEvent[];
    const last = { finish_reason: 'interrupt', interrupts: [question] };
    expect(chunksOf(bodyOf(logOf(events), AGENT)).at(-3)).toMatchObject({ choices: [{ delta: {}, ...last }] });
    expect(collected(events, AGENT).body).toMatchObject({ choices: [last] });
  });

  it('hide a take-over that says the same, and end in an error where it says something else', () => {
    const takenOver = (...said: StreamEvent[]): StoredEvent[] => [
      ...logOf([text('one two')]),
      ...([{ type: 'reset', data: { attempt: 2, reason: 'worker-lost' } }, ...said, done()] as StreamEvent[]).map(
        ({ type, data }, index) => ({ id: eventId(2, index + 1), type, data: JSON.stringify(data) }),
      ),
    ];
    const started: StreamEvent = { type: 'started', data: { attempt: 2, model: JOB.model } };
    const contentOf = (body: string) =>
      chunksOf(body)
        .map((chunk) => (chunk as OpenAI.ChatCompletionChunk).choices?.[0]?.delta.content ?? '')
        .join('');
    const same = bodyOf(takenOver(started, text('one '), text('two three')));
    expect(contentOf(same)).toBe('one two three');
    expect(same.match(/"role"/g)).toHaveLength(1);
    const other = bodyOf(takenOver(started, text('one too')));
    expect(contentOf(other)).toBe('one two');
    expect(chunksOf(other).slice(-2)).toEqual([{ error: expect.objectContaining({ type: 'server_error' }) }, '[DONE]']);
  });

  it('pass the strict reader, or make it throw, whatever the log', async () => {
    await fc.assert(
      fc.asyncProperty(histories, fc.constantFrom(JOB, AGENT), async (log, job) => {
        const stream = clientOf(bodyOf(log, job)).chat.completions.stream(ASKED);
        const final = await stream.finalChatCompletion().catch((error: unknown) => error);
        if (log.at(-1)?.type !== 'done' || log.some(({ type }) => type === 'reset')) return;
        expect(final).not.toBeInstanceOf(Error);
        const collector = new ChatCollector(job);
        for (const event of log) collector.add(event);
        const { body } = collector.end() as { body: { choices: { message: { content: string | null } }[] } };
        const { content } = (final as OpenAI.ChatCompletion).choices[0]?.message ?? {};
        expect((content ?? '').toWellFormed()).toBe((body.choices[0]?.message.content ?? '').toWellFormed());
      }),
      { numRuns: 200 },
    );
  });
});
