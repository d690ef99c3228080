import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setImmediate } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type BaseMessageChunk, HumanMessage } from '@langchain/core/messages';
import type { ChatGeneration, ChatGenerationChunk, LLMResult } from '@langchain/core/outputs';
import { ChatOpenAI, ChatOpenAICompletions } from '@langchain/openai';
import fc from 'fast-check';
import { streamChatModel } from '../../chat/stream-chat-model.ts';
import { CompletionRequests } from './completion-requests.ts';
import { pushedFetch } from './pushed-fetch.ts';
import { QuickChat } from './quick-chat.ts';
import { QuickCompletions } from './quick-completions.ts';

/** What the server does with the next requests: parts of the body, byte for byte, and then its end or a lost connection. */
interface Answer {
  readonly status?: number;
  readonly parts: readonly (string | Uint8Array)[];
  readonly end?: 'close' | 'cut' | 'stay';
}

let answer: Answer = { parts: [] };
const requests: unknown[] = [];
const heads: IncomingHttpHeaders[] = [];
const server = createServer(async (request, response) => {
  heads.push(request.headers);
  requests.push(JSON.parse(Buffer.concat(await request.toArray()).toString()));
  await play(answer, response);
});
beforeAll(async () => {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
});

async function play({ status = 200, parts, end = 'close' }: Answer, response: ServerResponse): Promise<void> {
  response.writeHead(status, { 'content-type': status === 200 ? 'text/event-stream' : 'application/json' });
  response.flushHeaders();
  for (const part of parts) {
    response.write(part);
    // a write of its own, and most often a read of its own
    await setImmediate();
  }
  if (end === 'close') response.end();
  // after everything that was written, and without the end of the body
  if (end === 'cut') response.socket?.end();
}

const HEAD = { id: 'chatcmpl-1', object: 'chat.completion.chunk', created: 1, model: 'gpt-4o-mini' };

function chunk(delta: object, finishReason: string | null = null, more: object = {}): string {
  const choice = { index: 0, delta, logprobs: null, finish_reason: finishReason };
  return `data: ${JSON.stringify({ ...HEAD, choices: [choice], ...more })}\n\n`;
}

const ROLE = chunk({ role: 'assistant', content: '', refusal: null });
const STOP = chunk({}, 'stop', { system_fingerprint: 'fp', service_tier: 'default' });
const USAGE = `data: ${JSON.stringify({
  ...HEAD,
  choices: [],
  usage: {
    ...{ prompt_tokens: 5, completion_tokens: 7, total_tokens: 12 },
    prompt_tokens_details: { cached_tokens: 2, audio_tokens: 0 },
    completion_tokens_details: { reasoning_tokens: 3 },
  },
})}\n\n`;
const DONE = 'data: [DONE]\n\n';
const call = (part: object) => chunk({ tool_calls: [part] });

const ANSWERS: Readonly<Record<string, Answer>> = {
  text: { parts: [ROLE, chunk({ content: 'Hello' }), chunk({ content: ' wörld 🌊' }), STOP, USAGE, DONE] },
  'text in one read': { parts: [ROLE + chunk({ content: 'a' }) + chunk({ content: 'b' }) + STOP + USAGE + DONE] },
  'no usage, no [DONE]': { parts: [ROLE, chunk({ content: 'a' }), STOP] },
  'usage that grows with each chunk': {
    parts: [
      ROLE,
      ...[1, 2].map((tokens) =>
        chunk({ content: 'a' }, null, { usage: { prompt_tokens: 3, completion_tokens: tokens } }),
      ),
      STOP,
      DONE,
    ],
  },
  'usage beside the last delta': {
    parts: [ROLE, chunk({ content: 'a' }, 'stop', { usage: { prompt_tokens: 1 } }), DONE],
  },
  'tool calls': {
    parts: [
      ROLE,
      call({ index: 0, id: 'c0', type: 'function', function: { name: 'add', arguments: '' } }),
      call({ index: 0, function: { arguments: '{"a":' } }),
      call({ index: 1, id: 'c1', type: 'function', function: { name: 'sub', arguments: '{}' } }),
      call({ index: 0, function: { arguments: '1}' } }),
      chunk({}, 'tool_calls'),
      USAGE,
      DONE,
    ],
  },
  'a function call of old': { parts: [ROLE, chunk({ function_call: { name: 'f', arguments: '{}' } }), STOP, DONE] },
  reasoning: { parts: [ROLE, chunk({ reasoning_content: 'hm' }), chunk({ content: 'so' }), STOP, USAGE, DONE] },
  'a refusal': { parts: [ROLE, chunk({ content: null, refusal: 'no' }), chunk({}, 'content_filter'), DONE] },
  'cut at its length': { parts: [ROLE, chunk({ content: 'a' }), chunk({}, 'length'), DONE] },
  'other roles and none': {
    parts: [
      ...['user', 'system', 'developer', 'tool', 'odd'].map((role) => chunk({ role, content: role })),
      STOP,
      DONE,
    ],
  },
  'no role at all': { parts: [chunk({ content: 'a' }), STOP, DONE] },
  'chunks without choices or delta': {
    parts: [
      ROLE,
      `data: ${JSON.stringify(HEAD)}\n\n`,
      'data: {"choices":[{"index":0}]}\n\n',
      chunk({ content: 'a' }),
      STOP,
    ],
  },
  'comments, event names, CRLF and a last chunk without its empty line': {
    parts: [
      ': hi\n\n',
      ROLE.replaceAll('\n', '\r\n'),
      `event: x\nid: 1\nretry: 5\n${chunk({ content: 'a' })}`,
      STOP.trimEnd(),
    ],
  },
  'what comes after [DONE]': { parts: [ROLE, STOP, DONE, chunk({ content: 'late' }), 'data: {no json\n\n'] },
  nothing: { parts: [] },
  'an end in the middle of a chunk': { parts: [ROLE, chunk({ content: 'a' }).slice(0, 40)] },
  'a chunk that is no JSON': { parts: [ROLE, chunk({ content: 'a' }), 'data: {"choices":[{\n\n'], end: 'stay' },
  'a lost connection': { parts: [ROLE, chunk({ content: 'a' })], end: 'cut' },
  'an error amid the stream': {
    parts: [ROLE, `data: ${JSON.stringify({ error: { message: 'overloaded', type: 'server_error', code: 'x' } })}\n\n`],
  },
  'an error event': {
    parts: [ROLE, `event: error\ndata: ${JSON.stringify({ message: 'overloaded', code: 'y' })}\n\n`],
  },
  ...Object.fromEntries(
    [400, 401, 404, 429, 500].map((status) => [
      `HTTP status ${status}`,
      { status, parts: [JSON.stringify({ error: { message: 'no', type: 't', code: 'c', param: null } })] },
    ]),
  ),
};

type Model = (fields?: object) => ChatOpenAI;

const fieldsWith = (more: object) => ({
  ...{ model: 'gpt-4o-mini', apiKey: 'k', maxRetries: 0, streamUsage: true, useResponsesApi: false, ...more },
  configuration: { logLevel: 'off' as const, baseURL: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1` },
});
const parent: Model = (more = {}) => new ChatOpenAI(fieldsWith(more));
const quick: Model = (more = {}) =>
  new ChatOpenAI({ ...fieldsWith(more), completions: new QuickCompletions(fieldsWith(more)) });

/** What a pipeline makes of an answer: its events and its result, or how it failed. */
async function saidBy(model: ChatOpenAI, signal = new AbortController().signal): Promise<unknown> {
  const events: unknown[] = [];
  const running = streamChatModel(model, 'hi', { signal });
  try {
    for (let next = await running.next(); ; next = await running.next()) {
      if (next.done) return { events, result: next.value };
      events.push(next.value);
    }
  } catch (error) {
    return { events, failed: failure(error) };
  }
}

/** All that can be seen of a chunk. LangChain names a message that the model gave no name by the random id of its run. */
function seen(message: BaseMessageChunk): unknown {
  return JSON.parse(
    JSON.stringify({ ...message, kind: message.constructor.name }).replace(/run-[-0-9a-f]{36}/g, 'run'),
  );
}

/** All that can be told from an error, but the client library's own words. */
function failure(error: unknown): unknown {
  const { name, status, code, type, lc_error_code } = error as Record<string, unknown>;
  return { name, status, code, type, lc_error_code };
}

/** Streams an answer.
 *  @returns the chunks, what the callbacks were told where they listen, and how it failed, if it did */
async function stream(model: ChatOpenAI, { listen = false, signal = new AbortController().signal } = {}) {
  const chunks: unknown[] = [];
  const told: unknown[] = [];
  const tell = (what: string) => (value: unknown) =>
    void told.push([what, JSON.parse(JSON.stringify(value) ?? 'null')]);
  const callbacks = {
    handleLLMNewToken: (token: string, place: object) => tell('token')([token, place]),
    handleLLMEnd: ({ generations, llmOutput }: LLMResult) => {
      const [[whole] = []] = generations as ChatGeneration[][];
      tell('end')([seen(whole?.message as BaseMessageChunk), llmOutput]);
    },
    handleLLMError: (error: unknown) => tell('error')(failure(error)),
  };
  try {
    for await (const message of await model.stream('hi', { signal, ...(listen ? { callbacks: [callbacks] } : {}) })) {
      chunks.push(seen(message));
    }
  } catch (error) {
    return { chunks, told, failed: failure(error) };
  }
  return { chunks, told };
}

/** What their parent reads in another way than is meant: see odd-answers.test.ts. */
const MENDED = new Set(['a function call of old', 'a refusal', 'no role at all', 'an error amid the stream']);

describe('the quicker completions', () => {
  const names = Object.keys(ANSWERS).filter((name) => !MENDED.has(name));

  it.each([...MENDED])('make the same of %s on both ways', async (name) => {
    answer = ANSWERS[name] ?? answer;
    expect(await saidBy(new QuickChat(fieldsWith({})))).toEqual(await saidBy(quick()));
  });

  it.each(names)('stream %s chunk for chunk as their parent does', async (name) => {
    answer = ANSWERS[name] ?? answer;
    const expected = await stream(parent());
    expect(await stream(quick())).toEqual(expected);
    expect(requests.at(-1)).toEqual(requests.at(-2));
  });

  it.each(names)('say of %s, past the messages, what a pipeline makes of their parent’s', async (name) => {
    answer = ANSWERS[name] ?? answer;
    const expected = await saidBy(parent());
    expect(await saidBy(new QuickChat(fieldsWith({})))).toEqual(expected);
    expect(requests.at(-1)).toEqual(requests.at(-2));
  });

  it('go past no message that somebody listens for', async () => {
    answer = ANSWERS['text'] ?? answer;
    const ends: unknown[] = [];
    const callbacks = [{ handleLLMEnd: ({ generations }: LLMResult) => void ends.push(generations[0]?.[0]?.text) }];
    expect(await saidBy(new QuickChat(fieldsWith({ callbacks })))).toEqual(await saidBy(parent({ callbacks })));
    expect(ends).toEqual(['Hello wörld 🌊', 'Hello wörld 🌊']);
  });

  it('leave models that need the Responses API to LangChain', async () => {
    answer = ANSWERS['text'] ?? answer;
    const deltasOf = (model: string) => new QuickChat({ ...fieldsWith({}), model }).deltas('hi', {});
    expect(await deltasOf('gpt-5-codex')).toBeNull();
    const deltas = await deltasOf('gpt-4o-mini');
    expect(deltas).not.toBeNull();
    await deltas?.return();
  });

  it('end a pipeline that is aborted with the signal’s reason', async () => {
    answer = { parts: [ROLE, chunk({ content: 'a' })], end: 'stay' };
    expect(await saidBy(new QuickChat(fieldsWith({})), AbortSignal.timeout(50))).toMatchObject({
      events: [{ type: 'text', data: { text: 'a' } }],
      failed: { name: 'TimeoutError' },
    });
  });

  it.each(names)('tell callbacks the same of %s', async (name) => {
    answer = ANSWERS[name] ?? answer;
    expect(await stream(quick(), { listen: true })).toEqual(await stream(parent(), { listen: true }));
  });

  it.each(['text', 'tool calls', 'reasoning'])('make a whole of %s where `streaming` asks for it', async (name) => {
    answer = ANSWERS[name] ?? answer;
    const whole = async (completions: ChatOpenAICompletions) => {
      let sum: ChatGenerationChunk | undefined;
      for await (const next of completions._streamResponseChunks([new HumanMessage('hi')], {})) {
        sum = sum?.concat(next) ?? next;
      }
      return seen(sum?.message as BaseMessageChunk);
    };
    const fields = fieldsWith({ streaming: true });
    expect(await whole(new QuickCompletions(fields))).toEqual(await whole(new ChatOpenAICompletions(fields)));
  });

  it('bind tools as their parent does', async () => {
    answer = ANSWERS['tool calls'] ?? answer;
    const tools = [
      { type: 'function' as const, function: { name: 'add', description: 'adds', parameters: { type: 'object' } } },
    ];
    const bound = async (model: ChatOpenAI) => {
      const chunks: unknown[] = [];
      for await (const message of await model.bindTools(tools).stream('hi')) chunks.push(seen(message));
      return chunks;
    };
    expect(await bound(quick())).toEqual(await bound(parent()));
    expect(requests.at(-1)).toMatchObject({ tools });
    expect(requests.at(-1)).toEqual(requests.at(-2));
  });

  it('send the head that their parent sends, however many models share it, and what a call adds to it', async () => {
    answer = ANSWERS['text'] ?? answer;
    const shared = new CompletionRequests();
    const fields = fieldsWith({});
    const configuration = { ...fields.configuration, fetch: pushedFetch, defaultHeaders: { 'x-team': 'a' } };
    const slow = new ChatOpenAI({ ...fields, configuration });
    const quicks = ['a', 'b'].map(() => {
      const completions = new QuickCompletions({ ...fields, configuration }, shared);
      return new ChatOpenAI({ ...fields, configuration, completions });
    });
    for (const headers of [{}, { 'x-call': 'b' }]) {
      const options = { headers } as object;
      heads.length = 0;
      for (const model of [slow, ...quicks]) for await (const _ of await model.stream('hi', options));
      const [expected, ...sent] = heads;
      // LangChain adds its name to the client's
      for (const head of heads) delete head['user-agent'];
      expect(expected).toMatchObject({ authorization: 'Bearer k', 'x-team': 'a', ...headers });
      expect(sent).toEqual([expected, expected]);
    }
  });

  it('find the chunks wherever the bytes are cut', async () => {
    const bytes = Buffer.from(ANSWERS['text']?.parts.join('') ?? '');
    answer = { parts: [bytes] };
    const expected = await stream(parent());
    const cutSomewhere = fc.uniqueArray(fc.integer({ min: 1, max: bytes.length - 1 }), { maxLength: 12 });
    await fc.assert(
      fc.asyncProperty(cutSomewhere, async (cuts) => {
        const edges = [0, ...cuts.sort((a, b) => a - b), bytes.length];
        answer = { parts: edges.slice(1).map((edge, index) => bytes.subarray(edges[index], edge)) };
        expect(await stream(quick())).toEqual(expected);
      }),
      { numRuns: 25 },
    );
  });

  it.each(['leaves', 'aborts'])('close the connection to the model when the reader %s', async (how) => {
    answer = { parts: [ROLE, chunk({ content: 'a' })], end: 'stay' };
    const closed = new Promise((resolve) => {
      server.once('request', (_request, response) => response.once('close', resolve));
    });
    const abort = new AbortController();
    const read = async () => {
      for await (const { data } of streamChatModel(new QuickChat(fieldsWith({})), 'hi', { signal: abort.signal })) {
        expect(data).toEqual({ text: 'a' });
        if (how === 'leaves') break;
        process.nextTick(() => abort.abort());
      }
    };
    await (how === 'leaves' ? read() : expect(read()).rejects.toThrow('aborted'));
    await closed;
  });

  it('end an abort before the answer as their parent does', async () => {
    answer = { parts: [], end: 'stay' };
    const aborted = { signal: AbortSignal.abort() };
    expect(await stream(quick(), aborted)).toEqual(await stream(parent(), aborted));
    const soon = () => ({ signal: AbortSignal.timeout(50) });
    expect(await stream(quick(), soon())).toEqual(await stream(parent(), soon()));
  });
});
