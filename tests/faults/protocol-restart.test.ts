import { HttpAgent } from '@ag-ui/client';
import Anthropic from '@anthropic-ai/sdk';
import { stream } from '@durable-streams/client';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { Client } from '@langchain/langgraph-sdk';
import { eventually } from '@millrace/testing';
import * as ai from 'ai';
import { Client as Client2 } from 'langgraph-sdk-2';
import OpenAI from 'openai';
import { chatOf, type Message, textOf } from '../e2e/ai-sdk-chat.ts';
import { SystemHarness } from '../e2e/system-harness.ts';
import { figures } from './figures.ts';

const TOKENS = Array.from({ length: 80 }, (_, index) => ` ${index}`);
const ANSWER = TOKENS.join('');
const STEP_MS = 150;
/** streams of each client at a time */
const STREAMS = 4;
const QUESTION = 'Count!';

/** What a client has at the end of an answer: it takes `text` for the whole, or knows that it is not. */
type Outcome = { readonly text: string } | 'known to be cut';

let system: SystemHarness;
beforeEach(async () => {
  system = await SystemHarness.start({ env: { MILLRACE_LINGER_MS: '5000' } });
  system.model.answer(TOKENS, { to: QUESTION, stepMs: STEP_MS });
});
afterEach(() => system[Symbol.asyncDispose](), 30_000);

const openai = () => new OpenAI({ baseURL: `${system.url}/v1`, apiKey: 'none', maxRetries: 0 });
const messages = [{ role: 'user' as const, content: QUESTION }];
const model = 'gpt-4o-mini';

const CLIENTS: Readonly<Record<string, () => Promise<Outcome>>> = {
  'openai-chat': async () => {
    let text = '';
    const stream = await openai().chat.completions.create({ model, messages, stream: true });
    for await (const chunk of stream) text += chunk.choices[0]?.delta.content ?? '';
    return { text };
  },
  'openai-chat, not streamed': async () => {
    const { choices } = await openai().chat.completions.create({ model, messages });
    return { text: choices[0]?.message.content ?? '' };
  },
  'openai-responses': async () => {
    let text = '';
    const stream = await openai().responses.create({ model, input: QUESTION, stream: true });
    for await (const event of stream) {
      if (event.type === 'response.output_text.delta') text += event.delta;
      if (event.type === 'response.failed' || event.type === 'response.incomplete') return 'known to be cut';
    }
    return { text };
  },
  'openai-responses, not streamed': async () => {
    const { status, output_text: text } = await openai().responses.create({ model, input: QUESTION });
    return status === 'completed' ? { text } : 'known to be cut';
  },
  anthropic: async () => {
    let text = '';
    const client = new Anthropic({ baseURL: system.url, apiKey: 'none', maxRetries: 0 });
    const stream = await client.messages.create({ model, max_tokens: 1_000, messages, stream: true });
    for await (const event of stream) {
      if (event.type === 'content_block_delta' && event.delta.type === 'text_delta') text += event.delta.text;
    }
    return { text };
  },
  'anthropic, not streamed': async () => {
    const client = new Anthropic({ baseURL: system.url, apiKey: 'none', maxRetries: 0 });
    const { content } = await client.messages.create({ model, max_tokens: 1_000, messages });
    return { text: content.map((block) => (block.type === 'text' ? block.text : '')).join('') };
  },
  langgraph: () => langGraph(Client),
  'langgraph, older client': () => langGraph(Client2 as unknown as typeof Client),
  // `useChat` takes a clean end for the end of the answer
  'ai-sdk': async () => {
    const transport = new ai.DefaultChatTransport<Message>({ api: `${system.url}/api/chat` });
    const chat = chatOf(ai, { id: crypto.randomUUID(), transport });
    await chat.sendMessage({ text: QUESTION });
    return chat.status === 'ready' ? { text: textOf(chat.lastMessage) } : 'known to be cut';
  },
  // so does the client of AG-UI
  'ag-ui': async () => {
    let hasFailed = false;
    const fail = () => {
      hasFailed = true;
    };
    const url = `${system.url}/ag-ui`;
    const agent = new HttpAgent({
      url,
      threadId: crypto.randomUUID(),
      fetch: (at, init) => tellingFetch(at, init, fail),
    });
    agent.addMessage({ id: crypto.randomUUID(), role: 'user', content: QUESTION });
    const { newMessages } = await agent.runAgent({}, { onRunErrorEvent: fail });
    return hasFailed ? 'known to be cut' : { text: newMessages.map(({ content }) => content).join('') };
  },
  // its client comes back by itself until the stream is closed
  'durable-streams': async () => {
    const headers = { 'content-type': 'application/json', accept: 'application/json' };
    const created = await fetch(`${system.url}/jobs`, {
      method: 'POST',
      headers,
      body: JSON.stringify({ query: QUESTION }),
    });
    const { id } = (await created.json()) as { id: string };
    const read = await stream<Item>({ url: `${system.url}/v1/stream/${id}`, offset: '-1', live: 'sse' });
    const items = await read.json();
    const said = items.slice(items.findLastIndex(({ type }) => type === 'reset') + 1);
    if (said.at(-1)?.type !== 'done') return 'known to be cut';
    return { text: said.map(({ type, data }) => (type === 'text' ? data.text : '')).join('') };
  },
};

/** The newest client of LangGraph sees that a run goes on; the older one takes a clean end for the end. Both come back after a
 *  lost connection. */
async function langGraph(Kind: typeof Client): Promise<Outcome> {
  let text = '';
  const client = new Kind({ apiUrl: `${system.url}/langgraph`, callerOptions: { maxRetries: 0 } });
  const payload = { input: { messages }, streamMode: 'messages-tuple' as const };
  for await (const { event, data } of client.runs.stream(null, 'chat', payload)) {
    if (event === 'error') return 'known to be cut';
    if (event === 'messages') text += (data as unknown as [{ content: string }])[0].content;
  }
  return { text };
}

interface Item {
  readonly type: string;
  readonly data: { readonly text?: string };
}

/** A fetch for a client that throws a broken body past its caller: to the client the body ends, and `fail` is called. */
async function tellingFetch(url: string, init: RequestInit, fail: () => void): Promise<Response> {
  const answer = await fetch(url, init);
  const reader = answer.body?.getReader();
  const body = new ReadableStream<Uint8Array>({
    async pull(controller) {
      try {
        const { value, done } = (await reader?.read()) ?? { value: undefined, done: true };
        if (done) controller.close();
        else controller.enqueue(value);
      } catch {
        fail();
        controller.close();
      }
    },
  });
  return new Response(body, answer);
}

/** Asks with every client at once. A client that throws knows that its answer is not whole. */
function askAll(): Promise<(readonly [string, Outcome])[]> {
  const asking = Object.entries(CLIENTS).flatMap(([name, ask]) =>
    Array.from({ length: STREAMS }, async () => [name, await ask().catch((): Outcome => 'known to be cut')] as const),
  );
  return Promise.all(asking);
}

describe('a deployment', () => {
  it('rolling restart under all protocols: no client takes half an answer for a whole one', async () => {
    const outcomes: (readonly [string, Outcome])[] = [];
    for (const service of [...system.apis, ...system.workers]) {
      const before = system.model.requests.length;
      const asking = askAll();
      const asked = STREAMS * Object.keys(CLIENTS).length;
      await eventually(() => system.model.requests.length >= before + asked);
      await system.restart(service);
      outcomes.push(...(await asking));
    }
    const taken = outcomes.flatMap(([name, outcome]) =>
      outcome === 'known to be cut' ? [] : [[name, outcome.text] as const],
    );
    const halves = taken.filter(([, text]) => text !== ANSWER);
    figures({
      answers: outcomes.length,
      whole: taken.length - halves.length,
      'known to be cut': outcomes.length - taken.length,
    });
    expect(halves).toEqual([]);
    // what nobody cut is whole
    expect(taken.length).toBeGreaterThan(outcomes.length / 2);
  }, 300_000);
});
